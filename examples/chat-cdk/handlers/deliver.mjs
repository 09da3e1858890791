// What the table of messages reports goes to everyone.

import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
const api = new ApiGatewayManagementApiClient({ endpoint: process.env.CALLBACK_URL });

async function post(ConnectionId, Data) {
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId, Data }));
  } catch (error) {
    // Gone already; $disconnect removes the row.
    if (error.name !== "GoneException") throw error;
  }
}

export const handler = async ({ Records }) => {
  const added = Records.filter((record) => record.eventName === "INSERT").map((record) => record.dynamodb.NewImage);
  for (const { room, text } of added) {
    const message = JSON.stringify({ type: "message", room: room.S, text: text.S });
    for await (const page of paginateScan({ client }, { TableName: process.env.CONNECTIONS })) {
      await Promise.all(page.Items.map((item) => post(item.connectionId.S, message)));
    }
  }
};
