// Tokens are `user.signature`: lets in whoever signed with the secret, but those who are suspended.

import { createHmac, timingSafeEqual } from "node:crypto";

const SUSPENDED = process.env.SUSPENDED.split(",");

function userOf(token) {
  const [user, signature = ""] = token.split(".");
  const expected = createHmac("sha256", process.env.SECRET).update(user).digest();
  const given = Buffer.from(signature, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected) ? user : undefined;
}

export const handler = async (event) => {
  const user = userOf(event.queryStringParameters.token);
  // API Gateway answers 401 to exactly this message.
  if (!user) throw new Error("Unauthorized");
  const Effect = SUSPENDED.includes(user) ? "Deny" : "Allow";
  return {
    principalId: user,
    policyDocument: {
      Version: "2012-10-17",
      Statement: [{ Action: "execute-api:Invoke", Effect, Resource: event.methodArn }],
    },
    // Every other function finds this in event.requestContext.authorizer.
    context: { client: event.headers["X-Client"] ?? event.headers["x-client"], level: 3 },
  };
};
