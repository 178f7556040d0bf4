import { render } from 'preact';
import { byId } from './dom.ts';
import { locale } from './reader.ts';
import { EmbeddedChart } from './embed.tsx';
import { Shell } from './shell/shell.tsx';
import { followNotifications } from './notifications.ts';
import { followCondition } from './overview/condition.ts';
import { begin } from './state.ts';
import { beginTheme } from './theme.ts';
import { followTold } from './told.ts';

/** One chart for another page, as the server tells by the path. */
const isEmbedded = location.pathname.endsWith('/embed');

locale.value = navigator.language;
document.body.dataset.embedded = String(isEmbedded);
beginTheme();
render(isEmbedded ? <EmbeddedChart /> : <Shell />, byId('app'));
begin();
followTold();
followNotifications();
followCondition();
