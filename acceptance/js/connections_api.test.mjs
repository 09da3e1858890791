// `@connections` with the official SDK, on a connection of our own: SLUICEGATE_URL and SLUICEGATE_WEBSOCKET say where.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PayloadTooLargeException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import WebSocket from 'ws';

const server = process.env.SLUICEGATE_URL;
const tables = new DynamoDBClient({ endpoint: server });

// With a slash at its end the endpoint makes the SDK send two slashes, and handlers in the wild do that.
for (const path of ['/live-metrics/prod', '/prod', '/prod/']) {
  test(`post, get, delete and gone at ${path}`, { timeout: 30_000 }, async (t) => {
    const userAgent = `js-${randomUUID()}`;
    const { socket, connectionId } = await connected(t, userAgent);
    const api = new ApiGatewayManagementApiClient({ endpoint: server + path, maxAttempts: 1 });

    const message = once(socket, 'message');
    const posted = await api.send(
      new PostToConnectionCommand({
        ConnectionId: connectionId,
        Data: JSON.stringify({ hello: 'wörld' }),
      }),
    );
    assert.equal(posted.$metadata.httpStatusCode, 200);
    const [data, isBinary] = await message;
    assert.deepEqual([data.toString(), isBinary], ['{"hello":"wörld"}', false]);

    const connection = await api.send(new GetConnectionCommand({ ConnectionId: connectionId }));
    assert.deepEqual(connection.Identity, { SourceIp: '127.0.0.1', UserAgent: userAgent });
    assert.ok(connection.ConnectedAt instanceof Date && connection.LastActiveAt instanceof Date);
    assert.ok(Math.abs(Date.now() - connection.ConnectedAt) < 30_000);

    const closed = once(socket, 'close');
    const deleted = await api.send(new DeleteConnectionCommand({ ConnectionId: connectionId }));
    assert.equal(deleted.$metadata.httpStatusCode, 204);
    assert.equal((await closed)[0], 1000);

    for (const command of [
      new PostToConnectionCommand({ ConnectionId: connectionId, Data: 'hello' }),
      new GetConnectionCommand({ ConnectionId: connectionId }),
      new DeleteConnectionCommand({ ConnectionId: connectionId }),
    ]) {
      await assert.rejects(api.send(command), (error) => {
        assert.ok(error instanceof GoneException, String(error));
        assert.equal(error.name, 'GoneException');
        assert.equal(error.$metadata.httpStatusCode, 410);
        return true;
      });
    }
  });
}

// Large enough, and often enough, that the client is still sending when the server has made up its mind.
test('a message that is too long is refused by its name', { timeout: 60_000 }, async (t) => {
  const { connectionId } = await connected(t, `js-${randomUUID()}`);
  const api = new ApiGatewayManagementApiClient({ endpoint: `${server}/prod`, maxAttempts: 1 });
  const Data = Buffer.alloc(4_000_000);
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await assert.rejects(
      api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data })),
      PayloadTooLargeException,
    );
  }
});

// The row is written before the handshake is answered, so it is there.
async function connected(t, userAgent) {
  const socket = new WebSocket(process.env.SLUICEGATE_WEBSOCKET, {
    headers: { 'User-Agent': userAgent },
  });
  t.after(() => socket.terminate());
  await once(socket, 'open');
  const rows = await tables.send(
    new ScanCommand({
      TableName: 'iops-dashboard-websocket-connections',
      FilterExpression: 'userAgent = :agent',
      ExpressionAttributeValues: { ':agent': { S: userAgent } },
      ConsistentRead: true,
    }),
  );
  assert.equal(rows.Items.length, 1);
  return { socket, connectionId: rows.Items[0].connectionId.S };
}
