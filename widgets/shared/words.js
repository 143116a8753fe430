// Words of the strings: {fields} are filled in.
export const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name])

// Words with {fields}, *variables* and **strong**, written where data-v says.
export function createWords(root) {
  const slots = {}, formats = {}
  let text = {}, language = 'en', unbroken = null
  for (const node of root.querySelectorAll('[data-v]')) (slots[node.dataset.v] ||= []).push(node)

  function rich(source) {
    const safe = source.replace(/[&<>]/g, c => `&#${c.charCodeAt(0)};`)
    const marked = safe.replace(/\*\*(.+?)\*\*/g, '<b>$1</b>').replace(/\*(.+?)\*/g, '<i class="m">$1</i>')
    return unbroken ? marked.replace(unbroken, '<span class="nb">$&</span>') : marked
  }
  const words = (key, fields = {}) => fill(text[key], fields)
  const plain = (key, fields) => words(key, fields).replaceAll('*', '')
  const number = (x, digits = 0, fixed = false) => {
    const least = fixed ? digits : 0
    const format = formats[`${language} ${digits} ${least}`] ||=
      new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: least })
    return format.format(x).replace('-', '−')
  }
  return {
    rich, words, plain, number,
    speak(data) {
      text = data.text
      language = data.language
      unbroken = data.unbroken.length ? new RegExp(data.unbroken.join('|'), 'g') : null
    },
    percent: (x, digits = 1) => number(100 * x, digits, true) + '%',
    signed: x => (x > 0 ? '+' : '') + number(x, 3, true),
    write(values) {
      for (const [name, value] of Object.entries(values)) {
        for (const node of slots[name]) if (node.source !== value) node.innerHTML = rich(node.source = value)
      }
    },
    read: name => slots[name][0].textContent,
  }
}
