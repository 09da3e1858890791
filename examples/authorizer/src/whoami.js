// Tells clients what the authorizer has found out about them.

import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

export const handler = async (event) => {
  const { authorizer, connectionId, domainName, routeKey, stage } = event.requestContext;
  if (routeKey === "whoami") {
    const { principalId, client, level } = authorizer;
    const api = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
    const Data = JSON.stringify({ user: principalId, client, level });
    await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data }));
  }
  return { statusCode: 200 };
};
