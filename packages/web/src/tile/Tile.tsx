import { memo, useId, type CSSProperties } from 'react';
import type { Entity } from '../metrics/board';
import { captionOf } from '../metrics/caption';
import { formatReading, formatText } from '../metrics/format';
import { accentOf, labelOf } from '../metrics/groups';
import { Ago } from '../page/Ago';
import { Details } from './Details';
import { Sparkline } from './Sparkline';
import './Tile.css';

/** Points a tile draws; a new entity's line starts this short and grows. */
const SLOTS_MIN = 12;
const SLOTS_MAX = 60;

export interface TileProps {
  entity: Entity;
  /** The connection is gone: this was the last value, not the present one. */
  stale: boolean;
  expanded: boolean;
  onToggle: (id: string) => void;
}

/** One entity. Drawn again only when itself changes: a busy neighbour costs it nothing. */
export const Tile = memo(function Tile({ entity, stale, expanded, onToggle }: TileProps) {
  const detailsId = useId();
  const { row, history } = entity;
  const label = labelOf(entity);
  const { number, unit } = formatReading(row.metric_value, row.unit);
  const caption = captionOf(row);
  const slots = Math.min(SLOTS_MAX, Math.max(SLOTS_MIN, history.length));
  return (
    <li
      className="tile"
      data-testid="tile"
      data-entity={entity.id}
      data-stale={stale}
      data-expanded={expanded}
      aria-label={`${label}, ${formatText(row.metric_value, row.unit)}`}
      style={{ '--type-accent': `var(--accent-${accentOf(row.entity_type)})` } as CSSProperties}
    >
      <div className="tile-head">
        <button
          type="button"
          className="tile-label"
          aria-expanded={expanded}
          aria-controls={detailsId}
          title={label}
          onClick={() => onToggle(entity.id)}
        >
          {label}
        </button>
        <span className="tile-time">
          <Ago at={entity.updatedAt} prefix={stale ? 'Stale · ' : ''} />
        </span>
      </div>
      <p className="tile-value">
        <span data-testid="value">{number}</span>
        {unit && <span className="tile-unit"> {unit}</span>}
      </p>
      {caption && <p className="tile-caption">{caption}</p>}
      <div id={detailsId} className="tile-body">
        {expanded ? (
          <Details entity={entity} />
        ) : (
          <Sparkline points={history} unit={row.unit} slots={slots} />
        )}
      </div>
    </li>
  );
});
