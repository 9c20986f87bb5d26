// The emoji that people and bots use most: names to characters, and the element that shows one.
import { h } from './dom.js';

const TABLE = `rotating_light 🚨 warning ⚠️ information_source ℹ️ white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️
eyes 👀 pause_button ⏸️ double_vertical_bar ⏸️ arrow_forward ▶️ black_square_for_stop ⏹️ hourglass ⌛ hourglass_flowing_sand ⏳ fire 🔥
red_circle 🔴 large_red_circle 🔴 large_orange_circle 🟠 orange_circle 🟠 large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵
large_purple_circle 🟣 white_circle ⚪ black_circle ⚫ large_red_square 🟥 large_orange_square 🟧 large_yellow_square 🟨 large_green_square 🟩
large_blue_square 🟦 white_large_square ⬜ zap ⚡ mag 🔍 mag_right 🔎 bulb 💡 question ❓ grey_question ❔ exclamation ❗ grey_exclamation ❕ robot_face 🤖
bell 🔔 no_bell 🔕 repeat 🔁 arrows_counterclockwise 🔄 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊 stethoscope 🩺
hammer_and_wrench 🛠️ wrench 🔧 hammer 🔨 gear ⚙️ nut_and_bolt 🔩 test_tube 🧪 microscope 🔬 dna 🧬 x ❌ negative_squared_cross_mark ❎ no_entry ⛔ no_entry_sign 🚫
octagonal_sign 🛑 stop_sign 🛑 construction 🚧 sos 🆘 siren 🚨 arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️ arrow_upper_right ↗️ arrow_lower_right ↘️
leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ small_red_triangle 🔺 small_red_triangle_down 🔻 heavy_plus_sign ➕ heavy_minus_sign ➖ clock1 🕐 clock3 🕒 clock9 🕘
stopwatch ⏱️ timer_clock ⏲️ alarm_clock ⏰ watch ⌚ calendar 📅 date 📅 spiral_calendar_pad 🗓️ memo 📝 pencil 📝 pencil2 ✏️ clipboard 📋 page_facing_up 📄
page_with_curl 📃 scroll 📜 books 📚 book 📖 bookmark 🔖 label 🏷️ pushpin 📌 round_pushpin 📍 paperclip 📎 link 🔗 lock 🔒 unlock 🔓 key 🔑 shield 🛡️
package 📦 card_file_box 🗃️ file_cabinet 🗄️ floppy_disk 💾 cd 💿 computer 💻 desktop_computer 🖥️ keyboard ⌨️ electric_plug 🔌 battery 🔋 satellite 🛰️ satellite_antenna 📡
globe_with_meridians 🌐 earth_africa 🌍 cloud ☁️ sunny ☀️ snowflake ❄️ ocean 🌊 boom 💥 bomb 💣 ghost 👻 skull 💀 skull_and_crossbones ☠️ coffin ⚰️ headstone 🪦
ambulance 🚑 fire_engine 🚒 hospital 🏥 pill 💊 thermometer 🌡️ adhesive_bandage 🩹 thumbsup 👍 +1 👍 thumbsdown 👎 -1 👎 clap 👏 pray 🙏 wave 👋 raised_hands 🙌
ok_hand 👌 muscle 💪 point_right 👉 point_left 👈 point_up ☝️ point_down 👇 hand ✋ raised_hand ✋ handshake 🤝 writing_hand ✍️ brain 🧠 eye 👁️ speech_balloon 💬
thought_balloon 💭 loudspeaker 📢 mega 📣 mute 🔇 sound 🔉 smile 😄 smiley 😃 grinning 😀 grin 😁 joy 😂 slightly_smiling_face 🙂 wink 😉 sunglasses 😎
thinking_face 🤔 thinking 🤔 face_with_monocle 🧐 neutral_face 😐 expressionless 😑 confused 😕 worried 😟 cry 😢 sob 😭 scream 😱 flushed 😳 sweat_smile 😅
relieved 😌 sleeping 😴 zzz 💤 exploding_head 🤯 partying_face 🥳 salute 🫡 saluting_face 🫡 melting_face 🫠 facepalm 🤦 shrug 🤷 heart ❤️ yellow_heart 💛
green_heart 💚 blue_heart 💙 purple_heart 💜 broken_heart 💔 sparkles ✨ star ⭐ star2 🌟 dizzy 💫 tada 🎉 confetti_ball 🎊 trophy 🏆 medal 🏅 dart 🎯 rocket 🚀
ship 🚢 anchor ⚓ airplane ✈️ car 🚗 rewind ⏪ fast_forward ⏩ track_next ⏭️ white_flag 🏳️ checkered_flag 🏁 triangular_flag_on_post 🚩 black_flag 🏴
seedling 🌱 herb 🌿 four_leaf_clover 🍀 evergreen_tree 🌲 cactus 🌵 tulip 🌷 rose 🌹 cat 🐱 dog 🐶 bug 🐛 beetle 🪲 spider 🕷️ snail 🐌 turtle 🐢 rabbit 🐰 owl 🦉
monkey 🐒 see_no_evil 🙈 whale 🐳 dolphin 🐬 penguin 🐧 unicorn 🦄 dragon 🐉 coffee ☕ tea 🍵 pizza 🍕 beer 🍺 beers 🍻 cake 🍰 cookie 🍪 popcorn 🍿
broom 🧹 toolbox 🧰 magnet 🧲 compass 🧭 world_map 🗺️ ladder 🪜 umbrella ☂️ moneybag 💰 gift 🎁 balloon 🎈 crystal_ball 🔮 art 🎨 performing_arts 🎭
one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ keycap_ten 🔟 zero 0️⃣ hash #️⃣ 100 💯 new 🆕 ok 🆗 up 🆙 cool 🆒 free 🆓
vertical_traffic_light 🚦 traffic_light 🚥 recycle ♻️ infinity ♾️ tm ™️ copyright ©️ registered ®️ heavy_exclamation_mark ❗ bangbang ‼️ interrobang ⁉️
ticket 🎫 admission_tickets 🎟️ detective 🕵️ sleuth_or_spy 🕵️ firefighter 🧑‍🚒 technologist 🧑‍💻 busts_in_silhouette 👥 bust_in_silhouette 👤`;

export const EMOJI = new Map();
{
  const words = TABLE.split(/\s+/);
  for (let i = 0; i + 1 < words.length; i += 2) EMOJI.set(words[i], words[i + 1]);
}

export const isEmoji = (name) => EMOJI.has(name);

/** A known emoji as an element with its name read aloud; an unknown one as `:name:` in text. */
export function emoji(name) {
  const base = String(name).split('::')[0];
  const char = EMOJI.get(base);
  if (!char) return document.createTextNode(`:${name}:`);
  return h('span', { class: 'emoji', role: 'img', 'aria-label': base.replaceAll('_', ' '), title: `:${base}:` }, char);
}

/** Plain text with `:names:` replaced. */
export function withEmoji(text) {
  const out = [];
  let from = 0;
  for (const match of String(text).matchAll(/:([a-z0-9_+-]+):/g)) {
    if (!EMOJI.has(match[1])) continue;
    out.push(text.slice(from, match.index), emoji(match[1]));
    from = match.index + match[0].length;
  }
  out.push(String(text).slice(from));
  return out;
}
