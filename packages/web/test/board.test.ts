import type { MetricChange, MetricRow } from '@sluicegate/client';
import { describe, expect, it } from 'vitest';
import {
  applyToBoard,
  EMPTY_BOARD,
  ENTITY_LIMIT,
  HISTORY_LIMIT,
  type Board,
  type BoardEvent,
} from '../src/metrics/board';

const NOW = Date.parse('2026-01-01T00:00:10Z');
const opened: BoardEvent = { kind: 'opened' };

function row(id: string, value: number, second = 1): MetricRow {
  const timestamp = `2026-01-01T00:00:0${second}Z`;
  return { entity_id: id, entity_type: 'cpu', metric_value: value, timestamp };
}

function put(id: string, value: number, second = 1): MetricChange {
  return { eventType: 'MODIFY', entityId: id, timestamp: NOW, row: row(id, value, second) };
}

function remove(id: string): MetricChange {
  return { eventType: 'REMOVE', entityId: id, timestamp: NOW };
}

const changes = (...list: MetricChange[]): BoardEvent => ({ kind: 'changes', changes: list });
const snapshot = (rows: MetricRow[], last = true): BoardEvent => ({ kind: 'snapshot', rows, last });

function after(...events: BoardEvent[]): Board {
  return applyToBoard(EMPTY_BOARD, events, NOW);
}

/** `{ a: [1, 2], b: ['gap', 3] }`: each entity with its history. */
function histories(board: Board) {
  return Object.fromEntries(
    [...board.entities].map(([id, { history }]) => [
      id,
      history.flatMap((point) => (point.afterGap ? ['gap', point.value] : [point.value])),
    ]),
  );
}

describe('what the board shows', () => {
  it.each<[string, BoardEvent[], object]>([
    ['inserts', [opened, changes(put('a', 1), put('b', 2))], { a: [1], b: [2] }],
    ['every value of a burst', [opened, changes(put('a', 1), put('a', 2))], { a: [1, 2] }],
    ['removals', [opened, changes(put('a', 1), remove('a'))], {}],
    ['a removal of something unknown', [opened, changes(remove('a'))], {}],
    [
      'a row put again after its removal',
      [changes(put('a', 1), remove('a'), put('a', 2))],
      { a: [2] },
    ],
    [
      'a snapshot in pages',
      [opened, snapshot([row('a', 1)], false), snapshot([row('b', 2)])],
      { a: [1], b: [2] },
    ],
    [
      'the change that overtook the snapshot, not the older row',
      [opened, changes(put('a', 2, 2)), snapshot([row('a', 1, 1)])],
      { a: [2] },
    ],
    [
      'no row that was removed while the snapshot was on its way',
      [opened, changes(remove('a')), snapshot([row('a', 1)])],
      {},
    ],
    [
      'after a reconnect only what the table still has',
      [opened, snapshot([row('a', 1), row('b', 1)]), opened, snapshot([row('b', 1)])],
      { b: [1] },
    ],
    [
      'everything until the snapshot after a reconnect has ended',
      [opened, snapshot([row('a', 1)]), opened, snapshot([row('b', 1)], false)],
      { a: [1], b: [1] },
    ],
    [
      'a gap where the connection was lost',
      [opened, changes(put('a', 1)), opened, snapshot([row('a', 5, 5)]), changes(put('a', 6, 6))],
      { a: [1, 'gap', 5, 6] },
    ],
    [
      'no gap for a row that did not change meanwhile',
      [opened, changes(put('a', 1)), opened, snapshot([row('a', 1)]), changes(put('a', 2, 2))],
      { a: [1, 2] },
    ],
  ])('%s', (_, events, expected) => {
    expect(histories(after(...events))).toEqual(expected);
    // In several batches it is the same.
    const stepwise = events.reduce(
      (board, event) => applyToBoard(board, [event], NOW),
      EMPTY_BOARD,
    );
    expect(histories(stepwise)).toEqual(expected);
  });
});

it('keeps the identity of entities that did not change, so that their tiles are not drawn', () => {
  const before = after(opened, changes(put('a', 1), put('b', 1)));
  const next = applyToBoard(before, [changes(put('b', 2))], NOW);
  expect(next.entities.get('a')).toBe(before.entities.get('a'));
  expect(next.entities.get('b')).not.toBe(before.entities.get('b'));
  expect(before.entities.get('b')?.history).toHaveLength(1);
});

it('bounds the history and the number of entities', () => {
  const many = Array.from({ length: HISTORY_LIMIT + 5 }, (_, value) => put('a', value));
  const history = after(changes(...many)).entities.get('a')?.history;
  expect(history).toHaveLength(HISTORY_LIMIT);
  expect(history?.at(-1)?.value).toBe(HISTORY_LIMIT + 4);

  const crowd = Array.from({ length: ENTITY_LIMIT + 1 }, (_, index) => put(`e${index}`, 1));
  const board = after(changes(...crowd));
  expect(board.entities.size).toBe(ENTITY_LIMIT);
  expect(board.truncated).toBe(true);
});

it('dates a change by its arrival and a snapshot row by its measurement, never in the future', () => {
  const late = { ...row('c', 1), timestamp: '2099-01-01T00:00:00Z' };
  const board = after(opened, changes(put('a', 1)), snapshot([row('b', 1, 4), late]));
  expect(board.entities.get('a')?.updatedAt).toBe(NOW);
  expect(board.entities.get('b')?.updatedAt).toBe(Date.parse('2026-01-01T00:00:04Z'));
  expect(board.entities.get('c')?.updatedAt).toBe(NOW);
});

it('is complete after the last page, or when none comes', () => {
  expect(after(opened, snapshot([], false)).complete).toBe(false);
  expect(after(opened, snapshot([])).complete).toBe(true);
  expect(after(opened, { kind: 'snapshot-overdue' }).complete).toBe(true);
});
