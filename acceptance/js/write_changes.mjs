// Writes, changes and deletes one row with the official SDK: `node write_changes.mjs '{"table", "key", "attributes", "update"}'`.
import {
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

const { table, key, attributes, update } = JSON.parse(process.argv[2]);
const client = new DynamoDBClient({ endpoint: process.env.SLUICEGATE_URL });

await client.send(new PutItemCommand({ TableName: table, Item: { ...key, ...attributes } }));
await client.send(new UpdateItemCommand({ TableName: table, Key: key, ...update }));
await client.send(new DeleteItemCommand({ TableName: table, Key: key }));
