// Draws what hangs on the wall, and keeps it as the pile says it is.
import { wattHours } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element, its attributes and what is in it. */
export function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function drawn(name, attributes = {}, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

/** The wires, the meter, the socket and the bike of a port. */
function wires() {
  const blade = drawn('path', { class: 'blade', d: 'M70 8v24' });
  const watts = drawn('text', { class: 'watts', x: 70, y: 70 });
  const energy = drawn('text', { class: 'energy', x: 70, y: 87 });
  const fill = drawn('rect', { class: 'fill', x: 58, y: 188, width: 0, height: 9, rx: 2 });
  const picture = drawn(
    'svg',
    { viewBox: '0 0 140 242', 'aria-hidden': 'true', class: 'wires' },
    drawn('path', { class: 'wire', d: 'M70 0v6M70 33v14M70 97v12' }),
    drawn('circle', { class: 'pole', cx: 70, cy: 7, r: 3.5 }),
    drawn('circle', { class: 'pole', cx: 70, cy: 33, r: 3.5 }),
    blade,
    drawn('rect', { class: 'meter', x: 12, y: 47, width: 116, height: 50, rx: 9 }),
    watts,
    energy,
    drawn('circle', { class: 'socket', cx: 70, cy: 127, r: 18 }),
    drawn('path', { class: 'holes', d: 'M64 127v.1M76 127v.1M70 121v.1' }),
    drawn(
      'g',
      { class: 'bike' },
      drawn('rect', { class: 'plug', x: 61, y: 118, width: 18, height: 18, rx: 5 }),
      drawn('path', { class: 'cable', d: 'M70 136C70 164 34 146 36 168S56 180 58 189' }),
      drawn('circle', { class: 'wheel', cx: 32, cy: 219, r: 19 }),
      drawn('circle', { class: 'wheel', cx: 110, cy: 219, r: 19 }),
      drawn('path', { class: 'frame', d: 'M32 219 50 185H92L110 219M50 185 66 219H32M66 219 92 185M46 177h-8M50 185l-2-8M92 185l-4-16h-10' }),
      drawn('rect', { class: 'battery', x: 56, y: 186, width: 34, height: 13, rx: 4 }),
      fill,
    ),
  );
  return { picture, watts, energy, fill };
}

/** One port: its button with the light, its wires, what can be done to it. */
export class Port {
  constructor(number, order) {
    this.number = number;
    this.parts = wires();
    this.button = element('button', { type: 'button', class: 'press', id: `press-${number}` }, element('b', {}, String(number)));
    this.light = element('span', { class: 'light' });
    this.note = element('span', { class: 'relay-word' });
    this.plug = element('button', { type: 'button', class: 'plug-button', id: `plug-${number}` });
    this.button.addEventListener('click', () => order(`press ${number}`));
    this.plug.addEventListener('click', () => order(this.plugged ? `unplug ${number}` : `plug ${number} 250 400`));
    this.root = element('div', { class: 'port', role: 'group', id: `port-${number}` }, this.button, this.light, this.note, this.parts.picture, this.plug);
  }

  show(state, powered, words) {
    const light = powered ? (state.light ?? 'free') : 'dark';
    this.plugged = state.bike !== null;
    const { root } = this;
    root.dataset.light = light;
    root.classList.toggle('closed', state.relay || state.welded);
    root.classList.toggle('welded', state.welded);
    root.classList.toggle('plugged', this.plugged);
    root.classList.toggle('flowing', state.power_mw > 0);
    root.classList.toggle('silent', state.meter === 'dead' || !powered);
    const fault = state.fault ? words.faults[state.fault] : null;
    this.light.textContent = fault && powered ? fault : words.lights[light];
    this.note.textContent = state.welded ? `${words.relay(true)}: ${words.welded}` : words.relay(state.relay);
    const dead = state.meter === 'dead';
    this.parts.watts.textContent = !powered ? '' : dead ? '– – –' : `${Math.round(state.power_mw / 1000)} W`;
    this.parts.energy.textContent = !powered ? '' : dead ? words.meter_dead : `${wattHours(state.metered_mwh)} Wh`;
    const full = 400_000;
    const part = this.plugged ? Math.min(state.bike.charged_mwh / full, 1) : 0;
    this.parts.fill.setAttribute('width', String(30 * part));
    this.button.setAttribute('aria-label', words.press(this.number, this.light.textContent));
    this.plug.textContent = this.plugged ? words.unplug : words.plug;
    this.plug.setAttribute('aria-label', this.plugged ? words.unplug_at(this.number) : words.plug_at(this.number));
    root.setAttribute('aria-label', `${words.at_port} ${this.number}`);
  }
}
