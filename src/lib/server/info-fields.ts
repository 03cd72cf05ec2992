/** Lines of a section of INFO, in the order in which they are shown. */
export type Fields = readonly (readonly [name: string, value: string | number])[];
