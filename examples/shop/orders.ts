// The orders that the sample shop starts with. Names are made up; mail goes to example domains, which nobody owns.

export interface OrderSeed {
  readonly id: string;
  readonly customer: { readonly name: string; readonly email: string };
  /** Delivery fees stand here, too: the items add up to the total. */
  readonly items: readonly OrderItem[];
  readonly status: 'processing' | 'shipped' | 'delivered' | 'cancelled';
  /** RFC 3339 date; `null` until it is delivered. */
  readonly deliveredAt: string | null;
}

export interface OrderItem {
  readonly name: string;
  readonly quantity: number;
  /** Price of all of them together. */
  readonly cents: number;
}

export const CURRENCY = 'EUR';

const delivery: OrderItem = { name: 'Standard delivery', quantity: 1, cents: 490 };

export const ORDERS: readonly OrderSeed[] = [
  {
    id: 'A-1001',
    customer: { name: 'Mira Lindqvist', email: 'mira.lindqvist@example.com' },
    items: [{ name: 'Stoneware teapot', quantity: 1, cents: 2000 }, delivery],
    status: 'delivered',
    deliveredAt: '2026-11-17',
  },
  {
    id: 'A-1002',
    customer: { name: 'Tomás Herrera', email: 'tomas.herrera@example.org' },
    items: [{ name: 'Linen tablecloth', quantity: 2, cents: 7800 }],
    status: 'shipped',
    deliveredAt: null,
  },
  {
    id: 'A-1003',
    customer: { name: 'Priya Raman', email: 'priya.raman@example.com' },
    items: [{ name: 'Oak side table', quantity: 1, cents: 44900 }],
    status: 'delivered',
    deliveredAt: '2026-11-12',
  },
  {
    id: 'A-1004',
    customer: { name: 'Jonas Weber', email: 'jonas.weber@example.org' },
    items: [{ name: 'Wool blanket', quantity: 1, cents: 8900 }, delivery],
    status: 'delivered',
    deliveredAt: '2026-11-09',
  },
  {
    id: 'A-1005',
    customer: { name: 'Aoife Byrne', email: 'aoife.byrne@example.com' },
    items: [{ name: 'Beeswax candles', quantity: 6, cents: 1800 }, delivery],
    status: 'processing',
    deliveredAt: null,
  },
  {
    id: 'A-1006',
    customer: { name: 'Kofi Mensah', email: 'kofi.mensah@example.org' },
    items: [{ name: 'Reading lamp', quantity: 1, cents: 5950 }],
    status: 'delivered',
    deliveredAt: '2026-09-28',
  },
  {
    id: 'A-1007',
    customer: { name: 'Elena Petrova', email: 'elena.petrova@example.com' },
    items: [{ name: 'Pine bookcase', quantity: 2, cents: 124000 }],
    status: 'delivered',
    deliveredAt: '2026-11-20',
  },
  {
    id: 'A-1008',
    customer: { name: 'Noor Haddad', email: 'noor.haddad@example.org' },
    items: [{ name: 'Enamel mug', quantity: 4, cents: 4760 }],
    status: 'cancelled',
    deliveredAt: null,
  },
];
