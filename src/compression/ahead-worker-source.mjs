/** Entry of the helper where the package runs from its sources: compiles them as they are loaded. Not built. */
import { register } from 'tsx/esm/api';

register();
await import('./ahead-worker.ts');
