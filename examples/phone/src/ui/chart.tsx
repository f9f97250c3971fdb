// The curve of a session's power.

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Point } from '../session';
import { w } from '../words';

export function PowerCurve(props: { points: readonly Point[] }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = (): uPlot.AlignedData => [props.points.map((it) => it.at / 1000), props.points.map((it) => it.power / 1000)];
  useEffect(() => {
    let here = true;
    // It is only needed here: the first screen comes without it.
    void Promise.all([import('uplot'), import('uplot/dist/uPlot.min.css')]).then(([{ default: UPlot }]) => {
      const at = box.current;
      if (!here || !at) return;
      const style = getComputedStyle(at);
      const ink = style.getPropertyValue('--soft');
      plot.current = new UPlot({
        width: at.clientWidth, height: 110, legend: { show: false }, cursor: { show: false },
        scales: { y: { range: (_, __, max) => [0, Math.max(50, max * 1.15)] } },
        axes: [{ show: false }, { stroke: ink, size: 44, grid: { stroke: style.getPropertyValue('--line'), width: 1 }, ticks: { show: false }, values: (_, all) => all.map((it) => `${it} W`), space: 34 }],
        series: [{}, { stroke: style.getPropertyValue('--green'), width: 2, fill: style.getPropertyValue('--green-soft'), points: { show: false } }],
      }, data(), at);
    });
    return () => {
      here = false;
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);
  useEffect(() => plot.current?.setData(data()), [props.points]);
  return <div class="chart" ref={box} role="img" aria-label={w().power_curve} />;
}
