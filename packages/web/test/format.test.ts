import { describe, expect, it } from 'vitest';
import { livePath } from '../src/address';
import { captionOf } from '../src/metrics/caption';
import { formatAgo, formatField, formatText } from '../src/metrics/format';
import { accentOf, groupEntities } from '../src/metrics/groups';
import { pathsOf, rangeOf } from '../src/tile/scale';

describe('a value in its unit', () => {
  it.each<[number, string | undefined, string]>([
    [12.345, 'percent', '12.3 %'],
    [0, 'percent', '0.0 %'],
    [100, 'percent', '100.0 %'],
    [0, 'bytes', '0 B'],
    [1023, 'bytes', '1,023 B'],
    [1024, 'bytes', '1.0 KiB'],
    [24 * 2 ** 30, 'bytes', '24.0 GiB'],
    [310 * 2 ** 30, 'bytes', '310 GiB'],
    [5 * 2 ** 60, 'bytes', '5,120 PiB'],
    [999, 'bytes_per_second', '999 B/s'],
    [999_960, 'bytes_per_second', '1.0 MB/s'],
    [1_500_000, 'bytes_per_second', '1.5 MB/s'],
    [-2_000, 'bytes_per_second', '-2.0 kB/s'],
    [1234, 'count', '1,234'],
    [12_345_678, 'count', '12.35M'],
    [3.14159, undefined, '3.14'],
    [42, 'degrees_celsius', '42 degrees celsius'],
  ])('%d %s is %s', (value, unit, expected) => {
    expect(formatText(value, unit)).toBe(expected);
  });
});

it.each([
  [0, 'just now'],
  [-5_000, 'just now'],
  [4_999, 'just now'],
  [5_000, '5 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 min ago'],
  [3_600_000, '1 h ago'],
  [47 * 3_600_000, '47 h ago'],
  [48 * 3_600_000, '2 days ago'],
])('%i ms is %s', (age, expected) => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(formatAgo(now - age, now)).toBe(expected);
});

it.each<[string, unknown, string]>([
  ['used_bytes', 2048, '2.0 KiB'],
  ['sent_bytes_per_second', 2000, '2.0 kB/s'],
  ['uptime_seconds', 90, '1 min'],
  ['cores', 4, '4'],
  ['host', 'workbench', 'workbench'],
  ['tags', ['a'], '["a"]'],
  ['nothing', null, 'null'],
])('the field %s', (name, value, expected) => {
  expect(formatField(name, value)).toBe(expected);
});

it.each<[object, string | undefined]>([
  [{ used_bytes: 2 ** 30, total_bytes: 2 ** 31 }, '1.0 GiB of 2.0 GiB'],
  [{ cores: 4, load_1m: 0.5 }, '4 cores · load 0.5'],
  [{ cores: 4 }, '4 cores'],
  [{ rss_bytes: 2 ** 20, uptime_seconds: 7_200 }, '1.0 MiB · up 2 h'],
  [{ used_bytes: '1', total_bytes: 2 }, undefined],
  [{}, undefined],
])('the caption of %j', (fields, expected) => {
  const row = { entity_id: 'a', entity_type: 'cpu', metric_value: 1, ...fields };
  expect(captionOf(row)).toBe(expected);
});

it('groups by type in a fixed order, and sorts labels as people count', () => {
  const entity = (id: string, entity_type: string, label?: string) => ({
    id,
    row: { entity_id: id, entity_type, metric_value: 1, ...(label && { label }) },
    history: [],
    updatedAt: 0,
  });
  const groups = groupEntities([
    entity('z', 'zebra'),
    entity('m', 'memory'),
    entity('c10', 'cpu', 'Core 10'),
    entity('a', 'api_calls'),
    entity('c9', 'cpu', 'Core 9'),
    entity('o', 'constructor'),
  ]);
  expect(groups.map(({ title, entities }) => [title, entities.map(({ id }) => id)])).toEqual([
    ['Processor', ['c9', 'c10']],
    ['Memory', ['m']],
    ['Api calls', ['a']],
    ['Constructor', ['o']],
    ['Zebra', ['z']],
  ]);
});

it('gives every type an accent that the style sheet knows', () => {
  expect(accentOf('cpu')).toBe('cpu');
  expect(['sky', 'lime', 'slate']).toContain(accentOf('constructor'));
  expect(accentOf('zebra')).toBe(accentOf('zebra'));
});

describe('a chart', () => {
  const points = (...values: number[]) => values.map((value) => ({ value }));

  it.each<[number[], string | undefined, { min: number; max: number }]>([
    [[1, 3], 'percent', { min: 0, max: 10 }],
    [[9.5], 'percent', { min: 0, max: 25 }],
    [[20, 95], 'percent', { min: 0, max: 100 }],
    [[100, 200], 'bytes', { min: 88, max: 212 }],
    [[0, 100], 'bytes', { min: 0, max: 112 }],
    [[0, 0], 'count', { min: 0, max: Number.MIN_VALUE }],
    [[-10, 10], 'celsius', { min: -12.4, max: 12.4 }],
  ])('of %j %s has the range %j', (values, unit, expected) => {
    const range = rangeOf(points(...values), unit);
    expect(range.min).toBeCloseTo(expected.min);
    expect(range.max).toBeCloseTo(expected.max);
  });

  it('stands at the right until it is full, and breaks at a gap', () => {
    const { line, area } = pathsOf(
      [{ value: 0 }, { value: 10 }, { value: 10, afterGap: true }],
      { min: 0, max: 10 },
      5,
    );
    expect(line).toBe('M50 98L75 2M100 2L100 2');
    expect(area).toBe('M50 100L50 98L75 2L75 100ZM100 100L100 2Z');
  });

  it('never draws what is not a number', () => {
    const { line } = pathsOf(points(0, 0), rangeOf(points(0, 0), 'count'), 1);
    expect(line).not.toContain('NaN');
  });
});

it.each<[unknown, string]>([
  [
    { apis: [{ id: 'live-metrics', stage: 'prod', path: '/live-metrics/prod' }] },
    '/live-metrics/prod',
  ],
  [{ apis: [{ id: 'chat', path: '/chat/prod' }] }, '/prod'],
  [{ apis: [null, { id: 'live-metrics', path: 7 }] }, '/prod'],
  [{ apis: 'none' }, '/prod'],
  [undefined, '/prod'],
  [null, '/prod'],
])('the address in %j', (description, expected) => {
  expect(livePath(description)).toBe(expected);
});
