/** Every delay of the client, by name. All values are milliseconds. */
export interface Timings {
  /** Ceiling of the first retry delay; it doubles with each failure. */
  backoffBase: number;
  /** No delay is ever longer, jitter included. */
  backoffCap: number;
  /** An attempt that has not opened by then counts as failed. */
  connectTimeout: number;
  /** A connection that held this long was a good one: the next loss starts the backoff afresh. */
  stableAfter: number;
  /** How long attempts may fail before the state says `disconnected`. */
  grace: number;
  /** Silence after which a ping is sent. */
  heartbeatInterval: number;
  /** Silence after a ping that proves the connection dead. */
  heartbeatTimeout: number;
}

/** With these, a client is live again within three seconds of the server's return: 2 s of waiting at most, then one handshake. */
export const DEFAULT_TIMINGS: Timings = {
  backoffBase: 200,
  backoffCap: 2_000,
  // TCP repeats an unanswered SYN after 1 s and 3 s. Starting afresh at 4 s keeps the gaps at 2 s.
  connectTimeout: 4_000,
  stableAfter: 1_000,
  grace: 1_000,
  heartbeatInterval: 15_000,
  heartbeatTimeout: 5_000,
};
