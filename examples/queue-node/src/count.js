import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";

const dynamodb = new DynamoDBClient({});

// How many jobs of each kind have been done.
export async function handler(event) {
  for (const { Sns } of event.Records) {
    const { kind } = JSON.parse(Sns.Message);
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: process.env.TOTALS,
        Key: { kind: { S: kind } },
        UpdateExpression: "ADD jobs :one",
        ExpressionAttributeValues: { ":one": { N: "1" } },
      }),
    );
  }
}
