/** Entry of the worker where the package runs from its sources: compiles them as they are loaded. Not built. */
import { register } from 'tsx/esm/api';

register();
await import('./engine-worker.ts');
