/** Metric messages, parsed once at the door: the newer `METRICS_UPDATE`, the older `METRIC_UPDATE`, `METRICS_SNAPSHOT`. */
import { plainImage } from './dynamodb-json.js';

/** One row of the metrics table. */
export interface MetricRow {
  entity_id: string;
  entity_type: string;
  metric_value: number;
  unit?: string;
  label?: string;
  /** When it was measured, ISO 8601. */
  timestamp?: string;
  /** Whatever else the row carries. */
  [field: string]: unknown;
}

export interface MetricUpsert {
  eventType: 'INSERT' | 'MODIFY';
  entityId: string;
  /** When the change was committed, ms since 1970. */
  timestamp: number;
  row: MetricRow;
}

export interface MetricRemoval {
  eventType: 'REMOVE';
  entityId: string;
  timestamp: number;
}

export type MetricChange = MetricUpsert | MetricRemoval;

export type MetricMessage =
  | { kind: 'changes'; changes: MetricChange[] }
  /** One page of the whole table; `last` ends it. */
  | { kind: 'snapshot'; rows: MetricRow[]; last: boolean };

export interface MetricReading {
  /** What could be read; absent when nothing could. */
  message?: MetricMessage;
  /** What could not, in words. One bad row does not spoil its neighbours. */
  problems: string[];
}

/** Rows of a type nobody named. */
const UNTYPED = 'other';

/** Reads a parsed JSON message. `undefined` when it is no metric message. Never throws. */
export function readMetricMessage(message: unknown): MetricReading | undefined {
  if (!isRecord(message)) return undefined;
  switch (message.type) {
    case 'METRICS_UPDATE':
      return readList(message.updates, 'updates', readUpdate, (changes) => ({
        kind: 'changes',
        changes,
      }));
    case 'METRICS_SNAPSHOT':
      return readList(message.metrics, 'metrics', readRow, (rows) => ({
        kind: 'snapshot',
        rows,
        last: message.last === true,
      }));
    case 'METRIC_UPDATE':
      return readList([message], 'METRIC_UPDATE', readSingleUpdate, (changes) => ({
        kind: 'changes',
        changes,
      }));
    default:
      return undefined;
  }
}

/** Reads each element with `read`, which throws what is wrong with it. */
function readList<Element>(
  list: unknown,
  name: string,
  read: (element: unknown) => Element,
  wrap: (elements: Element[]) => MetricMessage,
): MetricReading {
  if (!Array.isArray(list)) return { problems: [`${name} is not a list`] };
  const problems: string[] = [];
  const elements = list.flatMap((element) => {
    try {
      return [read(element)];
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
      return [];
    }
  });
  const nothingReadable = elements.length === 0 && problems.length > 0;
  const message = wrap(elements);
  // The end of a snapshot counts even when its rows do not.
  if (nothingReadable && message.kind === 'changes') return { problems };
  return { message, problems };
}

function readUpdate(update: unknown): MetricChange {
  if (!isRecord(update)) throw new Error('an update is not an object');
  const { eventType, timestamp, data } = update;
  const at = typeof timestamp === 'number' && Number.isFinite(timestamp) ? timestamp : Date.now();
  if (eventType === 'REMOVE')
    return { eventType, entityId: readEntityId(readImage(data)), timestamp: at };
  if (eventType !== 'INSERT' && eventType !== 'MODIFY')
    throw new Error(`unknown eventType ${JSON.stringify(eventType)}`);
  return upsert(eventType, at, readRow(data));
}

/** The older shape does not say whether the row is new; `MODIFY` is right for both. */
function readSingleUpdate(message: unknown): MetricChange {
  const { data, timestamp } = message as Record<string, unknown>;
  const at = typeof timestamp === 'string' ? Date.parse(timestamp) : NaN;
  return upsert('MODIFY', Number.isNaN(at) ? Date.now() : at, readRow(data));
}

function upsert(eventType: 'INSERT' | 'MODIFY', timestamp: number, row: MetricRow): MetricUpsert {
  const measured = row.timestamp ?? new Date(timestamp).toISOString();
  return {
    eventType,
    entityId: row.entity_id,
    timestamp,
    row: { ...row, timestamp: measured },
  };
}

function readRow(data: unknown): MetricRow {
  const image = readImage(data);
  const entity_id = readEntityId(image);
  const { entity_type, metric_value, unit, label, timestamp, ...others } = image;
  if (typeof metric_value !== 'number' || !Number.isFinite(metric_value))
    throw new Error(`${entity_id}: metric_value is not a number`);
  return {
    ...others,
    entity_id,
    entity_type: isText(entity_type) ? entity_type : UNTYPED,
    metric_value,
    ...(isText(unit) && { unit }),
    ...(isText(label) && { label }),
    ...(isText(timestamp) && !Number.isNaN(Date.parse(timestamp)) && { timestamp }),
  };
}

/** An image is plain JSON or DynamoDB-typed; its key tells which. */
function readImage(data: unknown): Record<string, unknown> {
  if (!isRecord(data)) throw new Error('the row is not an object');
  return isRecord(data.entity_id) ? plainImage(data) : data;
}

function readEntityId(image: Record<string, unknown>): string {
  if (!isText(image.entity_id)) throw new Error('a row has no entity_id');
  return image.entity_id;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
