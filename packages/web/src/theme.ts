import { createTheme } from '@mui/material/styles';

const FONT = "'Inter Variable', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** One theme with two colour schemes; the page follows the system until its reader chooses. */
export const theme = createTheme({
  cssVariables: { colorSchemeSelector: 'data-color-scheme' },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#2456e6' },
        background: { default: '#f5f6f9', paper: '#ffffff' },
        text: { primary: '#10141f', secondary: '#565d70' },
        divider: '#e2e5ec',
        success: { main: '#08683f' },
        warning: { main: '#8a5200' },
        error: { main: '#b3202a' },
      },
    },
    dark: {
      palette: {
        primary: { main: '#8caaff' },
        background: { default: '#0b0e15', paper: '#131722' },
        text: { primary: '#eceff6', secondary: '#9aa3b8' },
        divider: '#232938',
        success: { main: '#4cd394' },
        warning: { main: '#f0b35a' },
        error: { main: '#ff8a87' },
      },
    },
  },
  shape: { borderRadius: 10 },
  typography: {
    fontFamily: FONT,
    h1: { fontSize: '1.0625rem', fontWeight: 650, letterSpacing: '-0.012em', lineHeight: 1.25 },
    h2: { fontSize: '0.9375rem', fontWeight: 600, letterSpacing: '-0.006em', lineHeight: 1.4 },
    body2: { fontSize: '0.8125rem', lineHeight: 1.5 },
    button: { textTransform: 'none', fontWeight: 600 },
  },
});
