// A phone whose app is not there: looks now and then, and reloads once it is.
const chinese = {
  title: '手机应用尚未构建',
  what: '构建后，手机应用会自动显示在这里：',
  how: '在此之前，终端可以当作手机：',
  without: '没有手机也可以用卡充电。',
};
let language = navigator.language;
try {
  language = localStorage.getItem('bench.language') ?? language;
} catch {
  // Without a store the browser's language is as good.
}
if (language.startsWith('zh')) {
  document.documentElement.lang = 'zh';
  for (const [id, text] of Object.entries(chinese)) {
    document.getElementById(id).textContent = text;
  }
}
setInterval(async () => {
  try {
    const answer = await (await fetch('/bench/phone')).json();
    if (answer.ready) location.reload();
  } catch {
    // The bench has ended, or starts again.
  }
}, 3000);
