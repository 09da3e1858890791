import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient({});

// {"kind": "reverse", "text": "…"} becomes a job; its answer comes when it is done.
export async function handler(event) {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: process.env.QUEUE_URL,
      MessageBody: event.body,
      MessageAttributes: {
        connectionId: { DataType: "String", StringValue: event.requestContext.connectionId },
      },
    }),
  );
  return { statusCode: 200 };
}
