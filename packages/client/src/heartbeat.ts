import type { Clock } from './clock.js';
import type { Timings } from './timings.js';

/**
 * Finds half-open connections: asks after a silence, and reports death when the question stays unanswered.
 * Anything the server sends is a sign of life, so a busy connection is never pinged.
 */
export class Heartbeat {
  #timer: unknown;
  #lastLife = 0;
  #awaitingAnswer = false;

  constructor(
    private readonly clock: Clock,
    private readonly timings: Pick<Timings, 'heartbeatInterval' | 'heartbeatTimeout'>,
    private readonly ping: () => void,
    private readonly dead: () => void,
  ) {}

  start(): void {
    this.life();
    this.#wakeIn(this.timings.heartbeatInterval);
  }

  /** Called for every inbound message, so it only notes the fact; the running timer draws the conclusion. */
  life(): void {
    this.#lastLife = this.clock.now();
    this.#awaitingAnswer = false;
  }

  /** Asks at once, for the moments when a connection may have died unnoticed (a laptop that woke up). */
  check(): void {
    if (this.#awaitingAnswer) return;
    this.#awaitingAnswer = true;
    this.ping();
    this.#wakeIn(this.timings.heartbeatTimeout);
  }

  stop(): void {
    this.clock.clearTimeout(this.#timer);
  }

  #wakeIn(ms: number): void {
    this.clock.clearTimeout(this.#timer);
    this.#timer = this.clock.setTimeout(() => this.#onTimer(), ms);
  }

  #onTimer(): void {
    if (this.#awaitingAnswer) return this.dead();
    const silence = this.clock.now() - this.#lastLife;
    if (silence >= this.timings.heartbeatInterval) return this.check();
    this.#wakeIn(this.timings.heartbeatInterval - silence);
  }
}
