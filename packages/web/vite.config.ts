import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The server behind `npm run dev`. */
const SERVER = process.env.SLUICEGATE_ORIGIN ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The client is compiled from its source, so the page never shows an older build of it.
  resolve: { conditions: ['@sluicegate/source', 'module', 'browser', 'development|production'] },
  build: {
    target: 'es2022',
    // No data: addresses, so that a strict content security policy can hold.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      '/sluicegate.json': SERVER,
      '/live-metrics': { target: SERVER, ws: true },
      '/prod': { target: SERVER, ws: true },
    },
  },
});
