import { API_LEVEL } from '../../actions/version.ts';

/** The level of the libguestfs API that is implemented, as in `1.61.1`. */
export const apiVersion = `${API_LEVEL.major}.${API_LEVEL.minor}.${API_LEVEL.release}`;
