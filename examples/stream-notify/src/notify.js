const {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} = require("@aws-sdk/client-apigatewaymanagementapi");
const { DeleteItemCommand, DynamoDBClient, paginateScan } = require("@aws-sdk/client-dynamodb");

const client = new DynamoDBClient({});
const api = new ApiGatewayManagementApiClient({ endpoint: process.env.API_URL });
const TableName = process.env.WATCHERS;

// Each batch of changes is one message: {"changes": [{"change": "MODIFY", "orderId": "7", "before": "new", "after": "paid"}]}
exports.handler = async (event) => {
  const data = JSON.stringify({ changes: event.Records.map(change) });
  for await (const page of paginateScan({ client }, { TableName, ConsistentRead: true })) {
    await Promise.all(page.Items.map(({ connectionId }) => post(connectionId, data)));
  }
};

function change({ eventName, dynamodb }) {
  return {
    change: eventName,
    orderId: dynamodb.Keys.orderId.S,
    before: dynamodb.OldImage?.status?.S,
    after: dynamodb.NewImage?.status?.S,
  };
}

async function post(connectionId, data) {
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId: connectionId.S, Data: data }));
  } catch (error) {
    if (!(error instanceof GoneException)) throw error;
    await client.send(new DeleteItemCommand({ TableName, Key: { connectionId } }));
  }
}
