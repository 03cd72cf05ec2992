import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Station } from '../../src/lib/link/memory.ts';
import { Travellers } from '../../src/lib/link/travellers.ts';

const nobody: Station = {
  name: 'nobody',
  mac: new Uint8Array(6),
  promiscuous: false,
  takesSuperSegments: false,
  arrive: () => undefined,
  complete: () => undefined,
  nextCompletionUs: () => Infinity,
};

it('comes out by time, and at one time in the order in which it went in; against a sorted array', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(-1)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (dues) => {
      const travellers = new Travellers();
      let model: { dueUs: number; order: number }[] = [];
      for (const dueUs of dues) {
        if (dueUs >= 0) {
          model.push({ dueUs, order: travellers.order });
          travellers.push(dueUs, nobody, { bytes: new Uint8Array(0), l4Offset: 0, mss: 0, damaged: false });
          model = model.toSorted((a, b) => a.dueUs - b.dueUs || a.order - b.order);
        } else if (model.length > 0) {
          const { dueUs: due, order } = travellers.pop();
          expect({ dueUs: due, order }).toEqual(model.shift());
        }
        expect([travellers.size, travellers.firstDueUs]).toEqual([model.length, model[0]?.dueUs ?? Infinity]);
      }
    }),
  );
});
