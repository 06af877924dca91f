// Arguments that several tools take, and how they are shown.
import { z } from 'zod';

export const orderId = z
  .string()
  .regex(/^A-\d{4}$/, 'expected an order number such as A-1001')
  .describe('Number of the order, such as A-1001');

/** So that an argument cannot pretend to be a further line of a preview: line ends and invisible characters become spaces. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
