/** `@sluicegate/client`: stay connected to a Sluicegate WebSocket API. React hooks are in `@sluicegate/client/react`. */
export { SluicegateClient } from './client.js';
export type {
  ClientError,
  ClientEvents,
  ClientOptions,
  ConnectionState,
  SendOutcome,
} from './client.js';
export { DEFAULT_TIMINGS } from './timings.js';
export type { Timings } from './timings.js';
export { OUTBOX_LIMIT_CHARS, OUTBOX_LIMIT_MESSAGES } from './outbox.js';
export { readMetricMessage } from './metrics.js';
export type {
  MetricChange,
  MetricMessage,
  MetricReading,
  MetricRemoval,
  MetricRow,
  MetricUpsert,
} from './metrics.js';
export type { Clock } from './clock.js';
export type { SocketConstructor, SocketLike } from './socket.js';
