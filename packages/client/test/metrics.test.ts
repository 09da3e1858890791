import { describe, expect, it } from 'vitest';
import { readMetricMessage } from '../src/metrics.js';

const AT = 1_699_123_456_789;
const ISO = '2024-11-04T12:34:56Z';
const ROW = { entity_id: 'cpu-0', entity_type: 'cpu', metric_value: 12.5, timestamp: ISO };
const TYPED = {
  entity_id: { S: 'cpu-0' },
  entity_type: { S: 'cpu' },
  metric_value: { N: '12.5' },
  timestamp: { S: ISO },
};

function update(eventType: unknown, data: unknown, timestamp: unknown = AT) {
  return { type: 'METRICS_UPDATE', updates: [{ eventType, timestamp, data }] };
}

function upsert(row: object, eventType = 'MODIFY', timestamp = AT) {
  return {
    kind: 'changes',
    changes: [{ eventType, entityId: 'cpu-0', timestamp, row }],
  };
}

const REMOVAL = {
  kind: 'changes',
  changes: [{ eventType: 'REMOVE', entityId: 'cpu-0', timestamp: AT }],
};

describe('what can be read', () => {
  it.each<[string, unknown, unknown]>([
    ['an insert', update('INSERT', ROW), upsert(ROW, 'INSERT')],
    ['a modify', update('MODIFY', ROW), upsert(ROW)],
    ['a removal with its last image', update('REMOVE', ROW), REMOVAL],
    ['a removal with the key alone', update('REMOVE', { entity_id: 'cpu-0' }), REMOVAL],
    ['further fields', update('MODIFY', { ...ROW, core: 3 }), upsert({ ...ROW, core: 3 })],
    [
      'unit and label',
      update('MODIFY', { ...ROW, unit: 'percent', label: 'Core 0' }),
      upsert({ ...ROW, unit: 'percent', label: 'Core 0' }),
    ],
    [
      'a row without type and time',
      update('INSERT', { entity_id: 'cpu-0', metric_value: 1 }),
      upsert(
        {
          entity_id: 'cpu-0',
          entity_type: 'other',
          metric_value: 1,
          timestamp: new Date(AT).toISOString(),
        },
        'INSERT',
      ),
    ],
    [
      'the older shape, plain',
      { type: 'METRIC_UPDATE', data: ROW, timestamp: ISO },
      upsert(ROW, 'MODIFY', Date.parse(ISO)),
    ],
    [
      'the older shape, typed',
      { type: 'METRIC_UPDATE', data: TYPED, timestamp: ISO },
      upsert(ROW, 'MODIFY', Date.parse(ISO)),
    ],
    [
      'typed attributes of every kind',
      {
        type: 'METRIC_UPDATE',
        timestamp: ISO,
        data: {
          ...TYPED,
          on: { BOOL: true },
          none: { NULL: true },
          tags: { SS: ['a', 'b'] },
          numbers: { NS: ['1', '2.5'] },
          list: { L: [{ N: '1' }, { S: 'x' }] },
          map: { M: { inner: { N: '-1e3' } } },
          blob: { B: 'AQID' },
        },
      },
      upsert(
        {
          ...ROW,
          on: true,
          none: null,
          tags: ['a', 'b'],
          numbers: [1, 2.5],
          list: [1, 'x'],
          map: { inner: -1000 },
          blob: 'AQID',
        },
        'MODIFY',
        Date.parse(ISO),
      ),
    ],
    [
      'a page of a snapshot',
      { type: 'METRICS_SNAPSHOT', metrics: [ROW] },
      { kind: 'snapshot', rows: [ROW], last: false },
    ],
    [
      'the end of a snapshot',
      { type: 'METRICS_SNAPSHOT', metrics: [], last: true },
      { kind: 'snapshot', rows: [], last: true },
    ],
  ])('%s', (_, message, expected) => {
    expect(readMetricMessage(message)).toEqual({ message: expected, problems: [] });
  });
});

describe('what is not a metric message', () => {
  it.each([null, 1, 'text', [], {}, { type: 'pong' }, { type: 'chat_message' }])(
    '%j',
    (message) => {
      expect(readMetricMessage(message)).toBeUndefined();
    },
  );
});

describe('what is wrong is said', () => {
  it.each<[unknown, string]>([
    [{ type: 'METRICS_UPDATE' }, 'updates is not a list'],
    [{ type: 'METRICS_UPDATE', updates: [7] }, 'updates: an update is not an object'],
    [update('UPSERT', ROW), 'updates: unknown eventType "UPSERT"'],
    [update(undefined, ROW), 'updates: unknown eventType undefined'],
    [update('MODIFY', null), 'updates: the row is not an object'],
    [update('MODIFY', { metric_value: 1 }), 'updates: a row has no entity_id'],
    [update('REMOVE', {}), 'updates: a row has no entity_id'],
    [
      update('MODIFY', { ...ROW, metric_value: '12' }),
      'updates: cpu-0: metric_value is not a number',
    ],
    [{ type: 'METRIC_UPDATE' }, 'METRIC_UPDATE: the row is not an object'],
    [
      { type: 'METRIC_UPDATE', data: { ...TYPED, metric_value: { N: 'many' } } },
      'METRIC_UPDATE: attribute metric_value is not DynamoDB-typed JSON',
    ],
    [{ type: 'METRICS_SNAPSHOT', metrics: {} }, 'metrics is not a list'],
  ])('%j', (message, problem) => {
    expect(readMetricMessage(message)).toEqual({ problems: [problem] });
  });

  it('but does not spoil the rows beside it, nor the end of a snapshot', () => {
    expect(readMetricMessage({ type: 'METRICS_SNAPSHOT', metrics: [{}, ROW], last: true })).toEqual(
      {
        message: { kind: 'snapshot', rows: [ROW], last: true },
        problems: ['metrics: a row has no entity_id'],
      },
    );
    expect(
      readMetricMessage({ type: 'METRICS_SNAPSHOT', metrics: [{}], last: true }),
    ).toMatchObject({ message: { kind: 'snapshot', rows: [], last: true } });
  });
});
