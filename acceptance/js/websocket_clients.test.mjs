// `ws` on an API whose functions the Python test decides: SLUICEGATE_CHAT says where. Each test is run by itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  ApiGatewayManagementApiClient,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import WebSocket from 'ws';

const chat = process.env.SLUICEGATE_CHAT;
const limit = { timeout: 30_000 };

test('connects, sends, receives and closes', limit, async () => {
  const socket = new WebSocket(chat);
  await once(socket, 'open');
  const message = once(socket, 'message');
  socket.send('{"action":"echo"}');
  const [data, isBinary] = await message;
  assert.deepEqual([data.toString(), isBinary], ['hi', false]);
  const closed = once(socket, 'close');
  socket.close();
  assert.equal((await closed)[0], 1005);
});

test('is refused with the status of connect', limit, async () => {
  const [error] = await once(new WebSocket(chat), 'error');
  assert.equal(error.message, 'Unexpected server response: 400');
});

test('gets the subprotocol', limit, async () => {
  const socket = new WebSocket(chat, ['chat1', 'myprotocol']);
  await once(socket, 'open');
  assert.equal(socket.protocol, 'myprotocol');
  socket.terminate();
});

test('gives up when no subprotocol is chosen', limit, async () => {
  const [error] = await once(new WebSocket(chat, ['chat1']), 'error');
  assert.equal(error.message, 'Server sent no subprotocol');
});

test('is posted to by the JavaScript SDK', limit, async () => {
  const socket = new WebSocket(chat);
  await once(socket, 'open');
  const id = once(socket, 'message');
  socket.send('{"action":"echo"}');
  const ConnectionId = (await id)[0].toString();
  const message = once(socket, 'message');
  const api = new ApiGatewayManagementApiClient({ endpoint: process.env.SLUICEGATE_CHAT_HTTP });
  const posted = await api.send(new PostToConnectionCommand({ ConnectionId, Data: 'hi' }));
  assert.equal(posted.$metadata.httpStatusCode, 200);
  assert.equal((await message)[0].toString(), 'hi');
  socket.terminate();
});
