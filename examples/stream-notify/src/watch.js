const { DeleteItemCommand, DynamoDBClient, PutItemCommand } = require("@aws-sdk/client-dynamodb");

const dynamodb = new DynamoDBClient({});
const TableName = process.env.WATCHERS;

exports.handler = async (event) => {
  const { connectionId, eventType } = event.requestContext;
  const watcher = { connectionId: { S: connectionId } };
  const change =
    eventType === "CONNECT"
      ? new PutItemCommand({ TableName, Item: watcher })
      : new DeleteItemCommand({ TableName, Key: watcher });
  await dynamodb.send(change);
  return { statusCode: 200 };
};
