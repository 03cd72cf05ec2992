/** The trace's page: page/document.ts around its data, its style and its script. */
import { pageDocument } from '../../page/document.ts';
import type { PageData } from './page-data.ts';
import { PAGE_STYLE } from './page-style.ts';

/** Throws what node:fs throws when the installation is not whole. */
export function traceDocument(data: PageData): string {
  return pageDocument({
    title: `TCP trace${data.source === '' ? '' : `: ${data.source}`}`,
    data,
    style: PAGE_STYLE,
    script: new URL('page/main', import.meta.url),
  });
}
