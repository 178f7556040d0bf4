import { LiveHub, type ToHub } from './live-hub.ts';

// One for all pages of this server in the browser.
const hub = new LiveHub();

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  port?.addEventListener('message', ({ data }: MessageEvent<ToHub>) => {
    hub.take(port, data);
  });
  port?.start();
});
