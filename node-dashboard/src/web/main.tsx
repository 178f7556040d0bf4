import { render } from 'preact';
import { byId } from './dom.ts';
import { Shell } from './shell/shell.tsx';
import { begin } from './state.ts';

render(<Shell />, byId('app'));
begin();
