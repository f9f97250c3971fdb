// The bench: hears what the pile does, shows it, and orders what people do there.
import { languages, money, wattHours, kilowattHours } from './words.js';
import { Port, element } from './wall.js';
import { Ledger } from './ledger.js';
import { steps } from './guide.js';

const $ = (id) => document.getElementById(id);
const phones = { landlord: $('frame-landlord'), tenant: $('frame-tenant') };

function remembered(name) {
  try {
    return localStorage.getItem(`bench.${name}`);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`bench.${name}`, value);
  } catch {
    // Without a store it is asked again the next time.
  }
}

let language = remembered('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');
let words = languages[language] ?? languages.en;
let state = null;
let ports = [];
let cards = [];
let seen = new Set();
const ledger = new Ledger($('records'), () => words, () => state);

/** Asks the pile to do a line; says why not, if it does not. */
async function order(line) {
  try {
    const answer = await fetch('/bench', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ order: line }),
    });
    const told = await answer.json();
    $('trouble').textContent = told.ok ? '' : told.why;
  } catch {
    $('trouble').textContent = words.lost_server;
  }
}

const label = (id, text) => {
  if ($(id).textContent !== text) $(id).textContent = text;
};

// What stands still until the language changes.

function showWords() {
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll('[data-word]')) one.textContent = words[one.dataset.word];
  $('language').textContent = words.language;
  $('language').lang = language === 'en' ? 'zh' : 'en';
  phones.landlord.title = words.phone_landlord;
  phones.tenant.title = words.phone_tenant;
  for (const button of document.querySelectorAll('[data-speed]')) button.textContent = words.speed(Number(button.dataset.speed));
  for (const card of document.querySelectorAll('.card')) dress(card);
  ledger.again();
  if (state) show();
}

function dress(card) {
  const name = card.dataset.card;
  card.querySelector('.who').textContent = words.people[name];
  card.querySelector('.kind').textContent = words.kinds[name];
  card.querySelector('.qr')?.setAttribute('aria-label', words.code_button(words.people[name]));
}

// The cards in the hand.

function deal() {
  $('cards').replaceChildren(...cards.map((card) => {
    const tap = element('button', { type: 'button', class: 'tap', id: `tap-${card.name}` }, element('span', { class: 'chip' }), element('span', { class: 'who' }), ' ', element('span', { class: 'kind' }));
    tap.addEventListener('click', () => order(`tap ${card.name}`));
    const root = element('div', { class: `card ${card.name}`, 'data-card': card.name }, tap);
    if (card.code) {
      const qr = element('button', { type: 'button', class: 'qr', id: `code-${card.name}` }, element('span', { 'aria-hidden': 'true' }, 'QR'));
      qr.addEventListener('click', () => showCode(card));
      root.append(qr);
    }
    dress(root);
    return root;
  }));
}

function showCode(card) {
  const who = words.people[card.name];
  const phone = card.role === 'privilege' ? 'landlord' : 'tenant';
  label('code-title', words.code_of(who));
  const picture = new DOMParser().parseFromString(card.svg.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" '), 'image/svg+xml');
  $('code-picture').replaceChildren(document.importNode(picture.documentElement, true));
  label('code-text', card.code);
  label('code-copy', words.copy);
  label('code-send', words.send(words[`phone_${phone}`]));
  $('code-send').onclick = () => {
    phones[phone].contentWindow.postMessage({ type: 'openpile.card', code: card.code }, location.origin);
    $('code').close();
    phones[phone].focus();
  };
  $('code-copy').onclick = async () => {
    await navigator.clipboard.writeText(card.code);
    label('code-copy', words.copied);
  };
  $('code').showModal();
}

// What changes.

function account(number) {
  const known = state?.accounts.find((one) => one.account === number);
  if (known?.name) return known.name;
  const card = state?.cards.find((one) => one.account === number);
  return card ? words.people[card.name] : words.who(number);
}

/** Everything that a record's sentence takes from the state. */
const names = () => JSON.stringify([state?.cards.map((one) => one.account), state?.accounts.map((one) => one.name)]);

function said() {
  const last = state.said;
  if (!state.powered) return '';
  if (state.refused) return words.said.ledger_refused;
  if (!last || state.now_ms - last.at_ms > 16_000) return words.quiet;
  const text = words.said[last.name];
  if (text === undefined) return last.text.replace(/^(says|refuses): /, '');
  return typeof text === 'function' ? text(last.port) : text;
}

function show() {
  if (ports.length !== state.ports.length) {
    ports = state.ports.map((one) => new Port(one.port, order));
    $('ports').replaceChildren(...ports.map((port) => port.root));
    $('where').replaceChildren(...state.ports.map((one) => element('option', { value: one.port }, String(one.port))));
  }
  state.ports.forEach((one, place) => ports[place].show(one, state.powered, words));
  $('pile').classList.toggle('dark', !state.powered);
  $('pile').dataset.reader = state.reader;
  label('supply-word', state.powered ? words.powered : words.dark);
  label('supply', state.powered ? words.cut : words.restore);
  $('supply').classList.toggle('danger', state.powered);
  label('says', said());
  label('reader-word', state.powered ? words.reader[state.reader] : words.dark);
  label('clock', ledger.time(state.clock));
  label('pace', state.skip_ms > 0 ? words.skipping : state.calm && state.speed > 1 ? words.calm : words.speed_of(state.speed));
  for (const button of document.querySelectorAll('[data-speed]')) button.setAttribute('aria-pressed', String(Number(button.dataset.speed) === state.speed));
  for (const one of state.cards) {
    const card = document.querySelector(`[data-card="${one.name}"]`);
    card?.classList.toggle('tapping', one.on_reader);
    card?.classList.toggle('known', one.known);
  }
  for (const who of ['landlord', 'tenant']) {
    const link = state.link.phone === who ? 'here' : state.link.waiting.includes(who) ? 'waits' : 'none';
    label(`link-${who}`, words.links[link]);
    $(`link-${who}`).dataset.link = link;
  }
  if (state.refused) label('trouble', words.refused_ledger);
  else if ($('trouble').textContent === words.refused_ledger) label('trouble', '');
  showFaults();
  showAccounts();
  guide();
}

function showAccounts() {
  const currency = state.currency?.code ?? '';
  $('nobody').hidden = state.accounts.length > 0;
  $('accounts').hidden = state.accounts.length === 0;
  const rows = state.accounts.flatMap((one) => {
    const cells = (name, many, energy, fees, kind) => element(
      'tr', { class: kind, 'data-account': one.account },
      element('th', { scope: 'row' }, name),
      ...[many, energy, ...fees].map((text) => element('td', { class: 'n' }, text)),
    );
    const running = state.ports.filter((port) => port.session?.account === one.account).map((port) => {
      const { session } = port;
      const fees = [session.energy_micro, session.service_micro, session.energy_micro + session.service_micro];
      return cells(`${words.lights.charging} · ${port.port}`, '', kilowattHours(session.energy_mwh), fees.map((fee) => money(fee, 4)), 'running');
    });
    const fees = [one.energy_fee_micro, one.service_fee_micro, one.total_micro].map((fee) => money(fee));
    fees[2] = `${fees[2]} ${currency}`;
    return [cells(account(one.account), String(one.sessions), kilowattHours(one.energy_mwh), fees, 'whole'), ...running];
  });
  $('accounts').tBodies[0].replaceChildren(...rows);
  const parts = state.balance ?? { metered_mwh: 0, accounts_mwh: 0, open_mwh: 0, unattributed_mwh: 0 };
  const sign = { metered_mwh: '=', accounts_mwh: '', open_mwh: '+', unattributed_mwh: '+' };
  $('balance').replaceChildren(...['accounts_mwh', 'open_mwh', 'unattributed_mwh', 'metered_mwh'].map((name) => element(
    'div', { class: name },
    element('dt', {}, `${sign[name]} ${words.balance_of[name]}`),
    element('dd', {}, `${wattHours(parts[name])} Wh`),
  )));
}

// The guide: one line at a time.

let glowing = null;

function guide() {
  if (state.powered === false) seen.add('dark');
  for (const port of state.ports) if (port.session?.energy_mwh > 10_000) seen.add('watched');
  for (const port of state.ports) if (port.session) seen.add('charged');
  for (const port of state.ports) if (port.bike) seen.add('plugged');
  const place = steps.findIndex((step) => !step.done(state, seen));
  const at = place < 0 ? steps.length - 1 : place;
  const step = steps[at];
  const port = state.ports.find((one) => one.bike)?.port ?? 1;
  const text = words.hints[step.name];
  label('hint', typeof text === 'function' ? text(port) : text);
  $('dots').replaceChildren(...steps.map((_, i) => element('li', { class: i < at ? 'past' : i === at ? 'now' : '' })));
  $('show').hidden = !step.order;
  $('show').onclick = () => order(step.order(port));
  const target = step.at ? $(step.at(port)) : null;
  if (target !== glowing) {
    glowing?.classList.remove('glow');
    target?.classList.add('glow');
    glowing = target;
  }
}

// What people can do.

$('language').addEventListener('click', () => {
  language = language === 'en' ? 'zh' : 'en';
  words = languages[language];
  remember('language', language);
  showWords();
});
$('reset').addEventListener('click', () => order('reset'));
$('supply').addEventListener('click', () => order(state?.powered ? 'cut' : 'restore'));
$('code-close').addEventListener('click', () => $('code').close());
for (const button of document.querySelectorAll('[data-skip]')) button.addEventListener('click', () => order(`skip ${button.dataset.skip}`));
$('speeds').append(...[1, 10, 60].map((n) => {
  const button = element('button', { type: 'button', 'data-speed': n, 'aria-pressed': 'false' });
  button.addEventListener('click', () => order(`speed ${n}`));
  return button;
}));

/** What can be broken: by which order, by which it is mended, and whether it is broken now. */
const faults = {
  overload: { at: 'break_port', order: 'overload N' },
  weld: { at: 'break_port', order: 'weld N', mend: 'mend N', is: (port) => port.welded },
  leak: { at: 'break_port', order: 'leak N' },
  meter: { at: 'break_port', order: 'meter N dead', mend: 'meter N back', is: (port) => port.meter === 'dead' },
  heat: { at: 'break_pile', order: 'heat 95', mend: 'heat 25', is: () => state.heat_c > 75 },
  reader: { at: 'break_pile', order: 'reader dead', mend: 'reader back', is: () => state.reader !== 'well' },
  tamper: { at: 'break_pile', order: 'tamper' },
};
const there = () => state.ports.find((port) => String(port.port) === $('where').value) ?? state.ports[0];
for (const [name, fault] of Object.entries(faults)) {
  const button = element('button', { type: 'button', id: `break-${name}` });
  button.addEventListener('click', () => order((fault.is?.(there()) ? fault.mend : fault.order).replace('N', $('where').value)));
  $(fault.at === 'break_port' ? 'port-faults' : 'pile-faults').append(button);
}
$('where').addEventListener('change', () => showFaults());

function showFaults() {
  for (const [name, fault] of Object.entries(faults)) label(`break-${name}`, words[fault.at][name][fault.is?.(there()) ? 1 : 0]);
}

cards = await (await fetch('/bench/cards')).json();
deal();
showWords();

const events = new EventSource('/bench/events');
events.addEventListener('pile', () => {
  seen = new Set();
  ledger.clear();
  $('trouble').textContent = '';
});
events.addEventListener('record', (event) => ledger.add(JSON.parse(event.data)));
events.addEventListener('state', (event) => {
  const before = names();
  state = JSON.parse(event.data);
  // Records name people, and people get their names later.
  if (names() !== before) ledger.again();
  show();
});
events.addEventListener('open', () => label('trouble', ''));
events.addEventListener('error', () => label('trouble', words.lost_server));
ledger.account = account;
