/** Most messages that wait for a connection. */
export const OUTBOX_LIMIT_MESSAGES = 256;
/** Most characters that wait, in the outbox or in the socket's own buffer. */
export const OUTBOX_LIMIT_CHARS = 1_048_576;

/**
 * Messages that wait for a connection, oldest first. When it is full the NEW message is refused: what was promised
 * stays promised, and the caller learns at once, while it can still tell its user.
 */
export class Outbox {
  #waiting: string[] = [];
  #chars = 0;

  /** False when the message was refused. */
  push(text: string): boolean {
    const full =
      this.#waiting.length >= OUTBOX_LIMIT_MESSAGES ||
      this.#chars + text.length > OUTBOX_LIMIT_CHARS;
    if (full) return false;
    this.#waiting.push(text);
    this.#chars += text.length;
    return true;
  }

  /** Hands over everything and is empty afterwards. */
  drain(): string[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#chars = 0;
    return waiting;
  }
}
