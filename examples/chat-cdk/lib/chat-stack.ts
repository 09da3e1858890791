import { join } from "node:path";
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import { WebSocketApi, WebSocketStage } from "aws-cdk-lib/aws-apigatewayv2";
import { WebSocketLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { AttributeType, BillingMode, StreamViewType, Table } from "aws-cdk-lib/aws-dynamodb";
import { Code, Function, Runtime, StartingPosition } from "aws-cdk-lib/aws-lambda";
import { DynamoEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import type { Construct } from "constructs";

/** What is said is put into a table; the table's stream tells it to everyone who is connected. */
export class ChatStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const connections = new Table(this, "Connections", {
      partitionKey: { name: "connectionId", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: "expires",
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const messages = new Table(this, "Messages", {
      partitionKey: { name: "room", type: AttributeType.STRING },
      sortKey: { name: "id", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: "expires",
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const tables = { CONNECTIONS: connections.tableName, MESSAGES: messages.tableName };

    const talk = this.handler("Talk", "talk.handler", tables);
    connections.grantReadWriteData(talk);
    messages.grantReadWriteData(talk);

    const api = new WebSocketApi(this, "Api", {
      routeSelectionExpression: "$request.body.action",
      connectRouteOptions: { integration: new WebSocketLambdaIntegration("Connect", talk) },
      disconnectRouteOptions: { integration: new WebSocketLambdaIntegration("Disconnect", talk) },
    });
    api.addRoute("say", { integration: new WebSocketLambdaIntegration("Say", talk) });
    // Answers the one who asks, by way of the route's response.
    api.addRoute("history", { integration: new WebSocketLambdaIntegration("History", talk), returnResponse: true });
    const stage = new WebSocketStage(this, "Stage", { webSocketApi: api, stageName: "prod", autoDeploy: true });

    const deliver = this.handler("Deliver", "deliver.handler", { ...tables, CALLBACK_URL: stage.callbackUrl });
    connections.grantReadWriteData(deliver);
    stage.grantManagementApiAccess(deliver);
    deliver.addEventSource(
      new DynamoEventSource(messages, { startingPosition: StartingPosition.LATEST, batchSize: 10, retryAttempts: 3 }),
    );

    new CfnOutput(this, "Url", { value: stage.url, description: "Where clients connect." });
    new CfnOutput(this, "ConnectionsTable", { value: connections.tableName });
    new CfnOutput(this, "MessagesTable", { value: messages.tableName });
  }

  private handler(id: string, handler: string, environment: Record<string, string>): Function {
    return new Function(this, id, {
      runtime: Runtime.NODEJS_22_X,
      code: Code.fromAsset(join(__dirname, "../handlers")),
      handler,
      environment,
      timeout: Duration.seconds(10),
      memorySize: 256,
    });
  }
}
