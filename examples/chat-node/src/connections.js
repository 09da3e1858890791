// Who is connected, and in which room.

import {
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
  paginateQuery,
} from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
const TableName = process.env.TABLE_NAME;
// No connection lasts longer than two hours; a row that $disconnect has missed goes after a day.
const DAY_S = 24 * 60 * 60;

const key = (connectionId) => ({ connectionId: { S: connectionId } });

export async function add(connectionId) {
  const expires = { N: String(Math.floor(Date.now() / 1000) + DAY_S) };
  await client.send(new PutItemCommand({ TableName, Item: { ...key(connectionId), expires } }));
}

export async function remove(connectionId) {
  await client.send(new DeleteItemCommand({ TableName, Key: key(connectionId) }));
}

export async function enter(connectionId, room, name) {
  await client.send(
    new UpdateItemCommand({
      TableName,
      Key: key(connectionId),
      UpdateExpression: "SET room = :room, #name = :name",
      ExpressionAttributeNames: { "#name": "name" },
      ExpressionAttributeValues: { ":room": { S: room }, ":name": { S: name } },
    }),
  );
}

/** The ids of everyone in a room. */
export async function inRoom(room) {
  const query = {
    TableName,
    IndexName: "byRoom",
    KeyConditionExpression: "room = :room",
    ExpressionAttributeValues: { ":room": { S: room } },
  };
  const ids = [];
  for await (const page of paginateQuery({ client }, query)) {
    ids.push(...page.Items.map((item) => item.connectionId.S));
  }
  return ids;
}
