/**
 * The board: what the page knows about every entity, as one immutable value. It lives in the query cache and changes
 * only through `applyToBoard`.
 */
import type { MetricChange, MetricMessage, MetricRow } from '@sluicegate/client';

/** Points of history kept per entity: two minutes of the bundled collector. */
export const HISTORY_LIMIT = 120;
/** Entities shown. Beyond them a page of tiles helps nobody, and a table may hold millions of rows. */
export const ENTITY_LIMIT = 1_000;

export interface Point {
  readonly value: number;
  /** The connection was lost before this point: the line must not pretend to know what happened in between. */
  readonly afterGap?: true;
}

export interface Entity {
  readonly id: string;
  readonly row: MetricRow;
  readonly history: readonly Point[];
  /** When the newest value is from, ms, by the clock of this browser. */
  readonly updatedAt: number;
}

export interface Board {
  readonly entities: ReadonlyMap<string, Entity>;
  /** The server has told everything there is at least once. */
  readonly complete: boolean;
  /** The table has more rows than `ENTITY_LIMIT`. */
  readonly truncated: boolean;
  readonly updatedAt: number | undefined;
  readonly session: Session;
}

/** What came over the present connection. */
interface Session {
  readonly number: number;
  /** Told by a change: newer than any snapshot. */
  readonly changed: ReadonlySet<string>;
  /** Told by the snapshot. */
  readonly listed: ReadonlySet<string>;
}

export type BoardEvent =
  | { kind: 'opened' }
  /** The server does not answer our question for a snapshot; what we have is all there is. */
  | { kind: 'snapshot-overdue' }
  | MetricMessage;

export const EMPTY_BOARD: Board = {
  entities: new Map(),
  complete: false,
  truncated: false,
  updatedAt: undefined,
  session: { number: 0, changed: new Set(), listed: new Set() },
};

/** Applies a batch of events that was received until `now`. Entities that did not change keep their identity. */
export function applyToBoard(board: Board, events: readonly BoardEvent[], now: number): Board {
  if (events.length === 0) return board;
  const draft = new Draft(board, now);
  for (const event of events) draft.apply(event);
  return draft.finish();
}

/** A copy that is written to for the length of one batch. */
class Draft {
  private readonly entities: Map<string, Entity>;
  private changed: Set<string>;
  private listed: Set<string>;
  private session: number;
  private complete: boolean;
  private truncated: boolean;
  private updatedAt: number | undefined;

  constructor(
    board: Board,
    private readonly now: number,
  ) {
    this.entities = new Map(board.entities);
    this.changed = new Set(board.session.changed);
    this.listed = new Set(board.session.listed);
    this.session = board.session.number;
    this.complete = board.complete;
    this.truncated = board.truncated;
    this.updatedAt = board.updatedAt;
  }

  apply(event: BoardEvent): void {
    switch (event.kind) {
      case 'opened':
        this.session += 1;
        this.changed = new Set();
        this.listed = new Set();
        return;
      case 'snapshot-overdue':
        this.complete = true;
        return;
      case 'changes':
        for (const change of event.changes) this.applyChange(change);
        return;
      case 'snapshot':
        for (const row of event.rows) this.applyListedRow(row);
        if (event.last) this.finishSnapshot();
    }
  }

  finish(): Board {
    return {
      entities: this.entities,
      complete: this.complete,
      truncated: this.truncated,
      updatedAt: this.updatedAt,
      session: { number: this.session, changed: this.changed, listed: this.listed },
    };
  }

  private applyChange(change: MetricChange): void {
    this.updatedAt = this.now;
    if (change.eventType === 'REMOVE') this.entities.delete(change.entityId);
    else this.upsert(change.row, this.now);
    this.changed.add(change.entityId);
  }

  /** Changes arrive in the order of the table, so one that overtook the snapshot is at least as new as its row. */
  private applyListedRow(row: MetricRow): void {
    const known = this.entities.get(row.entity_id);
    const measuredAt = Math.min(this.now, row.timestamp ? Date.parse(row.timestamp) : this.now);
    const news =
      known?.row.timestamp !== row.timestamp || known?.row.metric_value !== row.metric_value;
    if (news && !this.changed.has(row.entity_id)) {
      this.upsert(row, measuredAt);
      this.updatedAt = Math.max(this.updatedAt ?? 0, measuredAt);
    }
    this.listed.add(row.entity_id);
  }

  /** What the complete table does not contain was removed while we were away. */
  private finishSnapshot(): void {
    for (const id of this.entities.keys())
      if (!this.listed.has(id) && !this.changed.has(id)) this.entities.delete(id);
    this.complete = true;
    this.truncated = this.truncated && this.entities.size >= ENTITY_LIMIT;
  }

  private upsert(row: MetricRow, updatedAt: number): void {
    const id = row.entity_id;
    const known = this.entities.get(id);
    if (!known && this.entities.size >= ENTITY_LIMIT) {
      this.truncated = true;
      return;
    }
    const firstOfSession = !this.changed.has(id) && !this.listed.has(id);
    const point: Point =
      known && firstOfSession && this.session > 1
        ? { value: row.metric_value, afterGap: true }
        : { value: row.metric_value };
    const history = [...(known?.history.slice(1 - HISTORY_LIMIT) ?? []), point];
    this.entities.set(id, { id, row, history, updatedAt });
  }
}
