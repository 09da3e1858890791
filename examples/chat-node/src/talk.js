// {"action": "join", "room": "blue", "name": "Ann"}
// {"action": "send", "room": "blue", "name": "Ann", "text": "hello"}

import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { enter, inRoom, remove } from "./connections.js";

export const handler = async (event) => {
  const { connectionId, domainName, routeKey, stage } = event.requestContext;
  const { room, name, text } = JSON.parse(event.body);
  if (typeof room !== "string" || room === "" || typeof name !== "string") return { statusCode: 400 };

  if (routeKey === "join") await enter(connectionId, room, name);
  const message = routeKey === "join" ? { type: "joined", room, name } : { type: "message", room, name, text };
  const api = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  const everyone = await inRoom(room);
  await Promise.all(everyone.map((id) => post(api, id, JSON.stringify(message))));
  return { statusCode: 200 };
};

async function post(api, connectionId, data) {
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: data }));
  } catch (error) {
    if (!(error instanceof GoneException)) throw error;
    await remove(connectionId);
  }
}
