/** The level of the libguestfs API that is implemented. */
export const apiVersion = '1.61.1';
/** Version of this package. */
export const packageVersion = '0.1.0';
