// A phone whose app is not built yet: looks now and then, and reloads once it is there.
const chinese = {
  title: '应用正在路上',
  what: '这里显示真正的手机应用，目前还没有构建好。如果演示程序正在构建，几分钟后它会自动出现。',
  how: '也可以自己构建（需要 Node.js 20 或更新版本）：',
  without: '没有它也可以用卡充电。',
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
