import type { ConnectionState } from '@sluicegate/client';
import Typography from '@mui/material/Typography';
import type { Board } from '../metrics/board';
import { Ago } from './Ago';
import { ConnectionChip } from './ConnectionChip';
import './Header.css';
import icon from './icon.svg';
import { SchemeToggle } from './SchemeToggle';

export function Header({ board, state }: { board: Board; state: ConnectionState }) {
  return (
    <header className="header">
      <div className="header-inner">
        <img src={icon} alt="" width="32" height="32" />
        <div className="header-titles">
          <Typography variant="h1">Live metrics</Typography>
          <Typography variant="body2" color="textSecondary" noWrap>
            <Summary board={board} />
          </Typography>
        </div>
        <ConnectionChip state={state} />
        <SchemeToggle />
      </div>
    </header>
  );
}

function Summary({ board }: { board: Board }) {
  const count = board.entities.size;
  if (count === 0) return <>Sluicegate</>;
  return (
    <>
      <span data-testid="entity-count">
        {count} {count === 1 ? 'entity' : 'entities'}
      </span>
      {board.updatedAt !== undefined && (
        <>
          {' · '}
          <span className="header-verb">updated </span>
          <Ago at={board.updatedAt} />
        </>
      )}
    </>
  );
}
