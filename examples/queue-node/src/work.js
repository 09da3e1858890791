import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

const api = new ApiGatewayManagementApiClient({ endpoint: process.env.API_URL });
const sns = new SNSClient({});

const KINDS = {
  reverse: (text) => [...text].reverse().join(""),
  shout: (text) => `${text.toUpperCase()}!`,
};

// A job that cannot be done does not hold up the others of its batch: it alone comes again, and then goes to FailedJobs.
export async function handler(event) {
  const results = await Promise.allSettled(event.Records.map(work));
  const failed = event.Records.filter((_, index) => results[index].status === "rejected");
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

async function work({ body, messageAttributes }) {
  const { kind, text } = JSON.parse(body);
  const answer = { kind, result: KINDS[kind](text) };
  await tell(messageAttributes.connectionId.stringValue, answer);
  await sns.send(
    new PublishCommand({ TopicArn: process.env.DONE_TOPIC, Subject: "done", Message: JSON.stringify(answer) }),
  );
}

async function tell(connectionId, answer) {
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.stringify(answer) }));
  } catch (error) {
    // Whoever asked has left; the job is done all the same.
    if (!(error instanceof GoneException)) throw error;
  }
}
