import { HISTORY_LIMIT, type Entity } from '../metrics/board';
import { formatField, formatMoment, formatText } from '../metrics/format';
import './Details.css';
import { Sparkline } from './Sparkline';

/** Most further fields that are listed; a row may have hundreds of attributes. */
const FIELD_LIMIT = 24;
/** Most characters of one of them. */
const FIELD_CHARS = 120;

/** What an expanded tile tells: the whole history, its figures, and every field of the row. */
export function Details({ entity }: { entity: Entity }) {
  const { row, history } = entity;
  const figures = figuresOf(history.map((point) => point.value));
  const text = (value: number) => formatText(value, row.unit);
  return (
    <>
      <div className="details-chart">
        <Sparkline
          points={history}
          unit={row.unit}
          slots={Math.max(2, Math.min(HISTORY_LIMIT, history.length))}
          label={`The last ${history.length} values, from ${text(figures.least)} to ${text(figures.most)}`}
        />
      </div>
      <dl className="details-fields">
        <Field name="Lowest" value={text(figures.least)} />
        <Field name="Average" value={text(figures.average)} />
        <Field name="Highest" value={text(figures.most)} />
        <Field name="Values" value={String(history.length)} />
        {row.timestamp && <Field name="Measured" value={formatMoment(Date.parse(row.timestamp))} />}
        <Field name="entity_id" value={entity.id} />
        <Field name="entity_type" value={row.entity_type} />
        {furtherFields(row).map(([name, value]) => (
          <Field key={name} name={name} value={value} />
        ))}
      </dl>
    </>
  );
}

function Field({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const SHOWN_ELSEWHERE = new Set([
  'entity_id',
  'entity_type',
  'metric_value',
  'unit',
  'label',
  'timestamp',
]);

function furtherFields(row: Record<string, unknown>): [string, string][] {
  return Object.entries(row)
    .filter(([name]) => !SHOWN_ELSEWHERE.has(name))
    .slice(0, FIELD_LIMIT)
    .map(([name, value]) => [name, shorten(formatField(name, value))]);
}

function shorten(text: string): string {
  return text.length > FIELD_CHARS ? `${text.slice(0, FIELD_CHARS)}…` : text;
}

function figuresOf(values: readonly number[]) {
  const sum = values.reduce((total, value) => total + value, 0);
  return { least: Math.min(...values), most: Math.max(...values), average: sum / values.length };
}
