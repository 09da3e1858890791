import IconButton from '@mui/material/IconButton';
import { useColorScheme } from '@mui/material/styles';

/** Light or dark. Until it is used, the page follows the system. */
export function SchemeToggle() {
  const { mode, systemMode, setMode } = useColorScheme();
  const current = mode === 'system' ? systemMode : mode;
  const other = current === 'dark' ? 'light' : 'dark';
  const label = `Switch to ${other} mode`;
  return (
    <IconButton
      aria-label={label}
      title={label}
      onClick={() => setMode(other)}
      size="small"
      data-testid="scheme-toggle"
    >
      {other === 'light' ? <Sun /> : <Moon />}
    </IconButton>
  );
}

function Sun() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.400M5.6 18.4 7 17M17 7l1.4-1.4" />
    </Icon>
  );
}

function Moon() {
  return (
    <Icon>
      <path d="M20 14.200A8 8 0 1 1 9.8 4a6.5 6.5 0 0 0 10.2 10.200Z" />
    </Icon>
  );
}

function Icon({ children }: { children: React.ReactNode }) {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}
