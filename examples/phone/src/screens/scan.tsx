// The camera, and the code in front of it. Where the browser reads codes itself, it does; else a decoder
// of the app's own.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Button } from '../ui/parts';
import { w } from '../words';

interface Detector { detect(of: HTMLVideoElement): Promise<readonly { rawValue: string }[]> }
declare const BarcodeDetector: { new (options: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> } | undefined;

/** Reads a frame; nothing where there is no code in it. */
type Reader = (video: HTMLVideoElement) => Promise<string | undefined>;

async function reader(): Promise<Reader> {
  const own = ownReader();
  const supported = typeof BarcodeDetector === 'undefined' ? [] : await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (typeof BarcodeDetector === 'undefined' || !supported.includes('qr_code')) return own;
  const detector = new BarcodeDetector({ formats: ['qr_code'] });
  let works = true;
  return async (video) => {
    // A phone may offer one and have no service for it.
    if (works) {
      try {
        return (await detector.detect(video))[0]?.rawValue;
      } catch {
        works = false;
      }
    }
    return (await own)(video);
  };
}

async function ownReader(): Promise<Reader> {
  const { default: decode } = await import('qr/decode.js');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, 720 / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    if (!context || canvas.width === 0) return undefined;
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    try {
      return decode(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      // It throws where it finds none.
      return undefined;
    }
  };
}

/** Why there is no picture, by the name of the browser's error. */
const reason = (name: string): string => {
  if (name === 'NotFoundError') return w().scan_none;
  return name === 'NotAllowedError' || name === 'SecurityError' ? w().scan_denied : w().scan_busy;
};

export function Scan(props: { onCode: (text: string) => void; onClose: () => void }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | undefined>();
  useEffect(() => {
    let here = true;
    let stream: MediaStream | undefined;
    const watch = async (): Promise<void> => {
      const camera = navigator.mediaDevices?.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } } });
      if (!camera) throw new DOMException('', 'NotFoundError');
      stream = await camera;
      const at = video.current;
      if (!here || !at) return;
      at.srcObject = stream;
      await at.play();
      const read = await reader();
      while (here) {
        const text = await read(at);
        if (here && text) {
          if (text.trim().startsWith('OP')) {
            props.onCode(text);
            return;
          }
          setProblem(w().scan_other);
        }
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    };
    watch()
      .catch((error: DOMException) => here && setProblem(reason(error.name)))
      .finally(() => !here && stream?.getTracks().forEach((it) => it.stop()));
    return () => {
      here = false;
      stream?.getTracks().forEach((it) => it.stop());
    };
  }, []);
  return (
    <div class="scan">
      <div class="finder"><video ref={video} muted playsInline aria-label={w().scan_title} /></div>
      <p role="status">{problem ?? w().scan_lead}</p>
      <Button wide onClick={props.onClose}>{w().add_type}</Button>
    </div>
  );
}
