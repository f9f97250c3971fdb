// The first minute, a step at a time: what is done when, what to press, and what "Show me" does.

const charges = (state, seen) => seen.has('charged');

export const steps = [
  { name: 'claim', done: (state) => state.claimed, at: () => 'tap-landlord', order: () => 'tap landlord' },
  {
    name: 'window',
    done: (state) => state.accounts.length > 0 || (state.said?.name === 'tap_new_card' && state.now_ms - state.said.at_ms < 60_000),
    at: () => 'tap-landlord',
    order: () => 'tap landlord',
  },
  { name: 'enrol', done: (state) => state.accounts.length > 0, at: () => 'tap-tenant1', order: () => 'tap tenant1' },
  { name: 'plug', done: (state, seen) => seen.has('plugged'), at: () => 'plug-1', order: () => 'plug 1 250 400' },
  {
    name: 'tap',
    done: (state, seen) => charges(state, seen) || (state.said?.name === 'choose_port' && state.now_ms - state.said.at_ms < 15_000),
    at: () => 'tap-tenant1',
    order: () => 'tap tenant1',
  },
  { name: 'press', done: charges, at: (port) => `press-${port}`, order: (port) => `press ${port}` },
  { name: 'watch', done: (state, seen) => seen.has('watched'), at: () => 'skip10', order: () => 'skip 600' },
  { name: 'cut', done: (state, seen) => seen.has('dark'), at: () => 'supply', order: () => 'cut' },
  { name: 'restore', done: (state) => state.powered, at: () => 'supply', order: () => 'restore' },
  { name: 'bill', done: () => false },
];
