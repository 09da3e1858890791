import type { SluicegateClient } from '@sluicegate/client';
import { useSluicegate } from '@sluicegate/client/react';
import Typography from '@mui/material/Typography';
import {
  useCallback,
  useEffect,
  useMemo,
  useState,
  type CSSProperties,
  type ReactNode,
} from 'react';
import { ENTITY_LIMIT, type Entity } from '../metrics/board';
import { useBoard } from '../metrics/feed';
import { accentOf, groupEntities, type Group } from '../metrics/groups';
import { Tile } from '../tile/Tile';
import { EmptyBoard } from './EmptyBoard';
import { Header } from './Header';
import { Outage } from './Outage';
import './Page.css';
import { Problems } from './Problems';
import { PutItemRecipe } from './PutItemRecipe';

/** Up to here the tiles are large and speak for themselves; more of them stand in groups. */
const ROOMY_LIMIT = 12;
const SKELETON_TILES = 6;

export function Page({ client }: { client: SluicegateClient }) {
  const state = useSluicegate(client);
  const board = useBoard();
  const groups = useMemo(() => groupEntities(board.entities.values()), [board.entities]);
  const stale = state !== 'live';
  const isEmpty = board.entities.size === 0;
  const down = state === 'disconnected' || state === 'closed';
  useDocumentTitle(down);

  return (
    <>
      <a className="skip-link" href="#metrics">
        Skip to the metrics
      </a>
      <Header board={board} state={state} />
      <main id="metrics" className="page" tabIndex={-1}>
        {down && (
          <Outage
            host={location.host}
            lastUpdate={board.updatedAt}
            onRetry={() => client.retryNow()}
          />
        )}
        {isEmpty && board.complete && !down && <EmptyBoard origin={location.origin} />}
        {isEmpty && !board.complete && !down && <Skeleton />}
        <Tiles groups={groups} stale={stale} />
        <footer className="footer">
          {board.truncated && <p>Showing {ENTITY_LIMIT} entities; the table has more.</p>}
          {!isEmpty && (
            <details>
              <summary>Put a metric of your own on this page</summary>
              <PutItemRecipe origin={location.origin} />
            </details>
          )}
          <Problems client={client} />
          <p>
            Every change of the table <code>iops-dashboard-metrics</code> arrives here over a
            WebSocket.
          </p>
        </footer>
      </main>
    </>
  );
}

function Tiles({ groups, stale }: { groups: Group[]; stale: boolean }) {
  const [expanded, setExpanded] = useState<string>();
  const toggle = useCallback(
    (id: string) => setExpanded((current) => (current === id ? undefined : id)),
    [],
  );
  const tile = (entity: Entity) => (
    <Tile
      key={entity.id}
      entity={entity}
      stale={stale}
      expanded={expanded === entity.id}
      onToggle={toggle}
    />
  );
  const all = groups.flatMap((group) => group.entities);
  if (all.length === 0) return null;
  if (all.length <= ROOMY_LIMIT) return <ul className="tiles tiles-roomy">{all.map(tile)}</ul>;
  return (
    <div className="groups">
      {groups.map((group) => (
        <GroupSection key={group.type} group={group} tile={tile} />
      ))}
    </div>
  );
}

function GroupSection({ group, tile }: { group: Group; tile: (entity: Entity) => ReactNode }) {
  const { type, title, entities } = group;
  const style = { '--accent': `var(--accent-${accentOf(type)})`, '--tiles': entities.length };
  return (
    <section className="group" aria-label={title} style={style as CSSProperties}>
      <div className="group-heading">
        <span className="group-dot" aria-hidden="true" />
        <Typography variant="h2">{title}</Typography>
        <span className="group-count">{entities.length}</span>
      </div>
      <ul className="tiles">{entities.map(tile)}</ul>
    </section>
  );
}

function Skeleton() {
  return (
    <div className="tiles tiles-roomy" role="status" aria-label="Waiting for the first metrics">
      {Array.from({ length: SKELETON_TILES }, (_, index) => (
        <div key={index} className="skeleton" />
      ))}
    </div>
  );
}

function useDocumentTitle(down: boolean) {
  useEffect(() => {
    document.title = `${down ? 'Disconnected' : 'Live metrics'} · Sluicegate`;
  }, [down]);
}
