// Everything that clients do: come, go, say something, ask what was said.

import { randomUUID } from "node:crypto";
import { DeleteItemCommand, DynamoDBClient, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
const { CONNECTIONS, MESSAGES } = process.env;
const DAY_S = 24 * 60 * 60;
const MOST_MESSAGES = 20;

const inADay = () => ({ N: String(Math.floor(Date.now() / 1000) + DAY_S) });

const ROUTES = {
  $connect: (id) =>
    client.send(new PutItemCommand({ TableName: CONNECTIONS, Item: { connectionId: { S: id }, expires: inADay() } })),
  $disconnect: (id) =>
    client.send(new DeleteItemCommand({ TableName: CONNECTIONS, Key: { connectionId: { S: id } } })),
  say: (_id, { room, text }) => {
    const key = `${new Date().toISOString()} ${randomUUID()}`;
    const Item = { room: { S: room }, id: { S: key }, text: { S: text }, expires: inADay() };
    return client.send(new PutItemCommand({ TableName: MESSAGES, Item }));
  },
  history: async (_id, { room }) => {
    const query = {
      TableName: MESSAGES,
      KeyConditionExpression: "room = :room",
      ExpressionAttributeValues: { ":room": { S: room } },
      ScanIndexForward: false,
      Limit: MOST_MESSAGES,
    };
    const { Items } = await client.send(new QueryCommand(query));
    return { type: "history", room, texts: Items.map((item) => item.text.S).reverse() };
  },
};

export const handler = async (event) => {
  const { connectionId, routeKey } = event.requestContext;
  const answer = await ROUTES[routeKey](connectionId, JSON.parse(event.body ?? "{}"));
  return { statusCode: 200, body: routeKey === "history" ? JSON.stringify(answer) : undefined };
};
