/** The live metrics page: a client, a cache that its messages keep current, and what is drawn from it. */
import { SluicegateClient } from '@sluicegate/client';
import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { liveMetricsAddress } from './address';
import { startFeed } from './metrics/feed';
import { Page } from './page/Page';
import { theme } from './theme';
import './theme.css';

const cache = new QueryClient();
const client = new SluicegateClient({
  url: () => liveMetricsAddress(location.origin),
  // Asking for the address is a knock already.
  knock: false,
});
startFeed(client, cache);

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element #root to draw the page in');

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={cache}>
      <ThemeProvider theme={theme} defaultMode="system">
        <CssBaseline enableColorScheme />
        <Page client={client} />
      </ThemeProvider>
    </QueryClientProvider>
  </StrictMode>,
);
