# ruff: noqa: RUF001  letters that look like Latin ones are meant here
"""Names of people all over the world, with the languages and currencies they shop in. Invented, all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """Where customers live.

    Names are written `native/latin` where the script is not Latin: mail addresses are made of the latin form.
    """

    locale: str
    currency: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    family_first: bool = False
    joint: str = " "
    """Between the names."""


def _region(
    locale: str, currency: str, given: str, family: str, *, family_first: bool = False, joint: str = " "
) -> Region:
    return Region(locale, currency, tuple(given.split()), tuple(family.split()), family_first, joint)


REGIONS: tuple[Region, ...] = (
    _region(
        "de_DE",
        "EUR",
        "Jürgen Käthe Anke Björn Sören Franziska Lütfiye Matthias Renate Uwe",
        "Müller Größe Weiß Schröder Böhm Yıldız Krüger Schäfer Jäger Vogt",
    ),
    _region(
        "de_CH",
        "CHF",
        "Urs Regula Beat Ursina Reto Vreni Köbi Madlaina",
        "Zürcher Bühler Ammann Caduff Gerber Hürlimann Nägeli Stäubli",
    ),
    _region(
        "fr_FR",
        "EUR",
        "Zoé Anaïs François Hélène Benoît Maëlle Noël Inès",
        "Lefèvre D’Aubigné Gérard Moreau Dupré Châtelain Noël Bérenger",
    ),
    _region(
        "en_US",
        "USD",
        "Maya José Ethan Renée Jamal Aisha Dakota Siobhán",
        "O'Brien Nguyen Washington Muñoz Smith-Jones Okafor Kowalczyk Lee",
    ),
    _region(
        "en_GB",
        "GBP",
        "Imogen Rhys Niamh Callum Oluwaseun Beatrix Alastair Priyanka",
        "MacLeod Llewellyn Brontë Featherstonehaugh O'Shea Adeyemi Ashworth Singh",
    ),
    _region(
        "pl_PL",
        "PLN",
        "Łukasz Małgorzata Żaneta Wojciech Błażej Grażyna Stanisław Świętosława",
        "Wróbel Gołąb Żółć Kołodziej Zając Brzęczyszczykiewicz Mróz Źrebiec",
    ),
    _region(
        "sv_SE",
        "SEK",
        "Åsa Göran Östen Märta Björk Håkan Ylva Sölve",
        "Sjöström Åkesson Öberg Lindqvist Nyström Hägg Bäckström Ekdahl",
    ),
    _region(
        "tr_TR",
        "TRY",
        "İpek Çağlar Gülşen Oğuz Işıl Şükrü Tuğçe Ümit",
        "Yılmaz Çelik Öztürk Şahin Güneş Kılıç Aydın Doğan",
    ),
    _region(
        "vi_VN",
        "VND",
        "Thảo Đức Hương Quân Ngọc Tuấn Lệ Phượng",
        "Nguyễn Trần Đặng Phạm Vũ Huỳnh Bùi Đỗ",
        family_first=True,
    ),
    _region(
        "ru_RU",
        "EUR",
        "Мария/maria Алексей/alexey Ольга/olga Фёдор/fyodor Наталья/natalya Юрий/yuri",
        "Шевчук/shevchuk Щербак/shcherbak Цой/tsoy Жук/zhuk Черных/chernykh Лебедь/lebed",
    ),
    _region(
        "uk_UA",
        "UAH",
        "Ївга/yivha Олександра/oleksandra Тарас/taras Ґалина/galyna Євген/yevhen Соломія/solomiya",
        "Шевченко/shevchenko Гнатюк/hnatiuk Бойко/boiko Кравець/kravets Мельник/melnyk Ткач/tkach",
    ),
    _region(
        "el_GR",
        "EUR",
        "Ελένη/eleni Γιώργος/giorgos Ιφιγένεια/ifigeneia Σπύρος/spyros Χρυσάνθη/chrysanthi Οδυσσέας/odysseas",
        "Παπαϊωάννου/papaioannou Αγγέλου/angelou Οικονόμου/oikonomou Γεωργίου/georgiou Θεοδώρου/theodorou",
    ),
    _region(
        "ar_EG",
        "EGP",
        "فاطمة/fatma محمود/mahmoud ليلى/layla يوسف/youssef نورهان/nourhan طارق/tarek",
        "المصري/elmasry عبدالله/abdallah الشناوي/elshenawy حسن/hassan النجار/elnaggar رشدي/roshdy",
    ),
    _region(
        "ar_KW",
        "KWD",
        "عبير/abeer خالد/khaled دلال/dalal فهد/fahad منيرة/munira سعود/saud",
        "العنزي/alenezi المطيري/almutairi الصباح/alsabah الرشيدي/alrashidi العجمي/alajmi الكندري/alkandari",
    ),
    _region(
        "he_IL",
        "ILS",
        "נועה/noa איתי/itay שירה/shira יהודית/yehudit אריאל/ariel צביה/tzviya",
        "כהן/cohen מזרחי/mizrahi בן־דוד/bendavid פרידמן/friedman שפירא/shapira אוחיון/ohayon",
    ),
    _region(
        "hi_IN",
        "INR",
        "अनन्या/ananya विक्रम/vikram श्रेया/shreya कृष्ण/krishna लक्ष्मी/lakshmi ऋषि/rishi",
        "शर्मा/sharma गुप्ता/gupta त्रिपाठी/tripathi चौधरी/chaudhary मिश्रा/mishra द्विवेदी/dwivedi",
    ),
    _region(
        "th_TH",
        "THB",
        "สมชาย/somchai กนกวรรณ/kanokwan ณัฐพล/nattapon พิมพ์ชนก/pimchanok ธีระ/theera สุนีย์/sunee",
        "ศรีสุข/srisuk วงศ์ใหญ่/wongyai ทองดี/thongdee แก้วมณี/kaewmanee บุญมาก/boonmak จันทร์เพ็ญ/chanpen",
    ),
    _region(
        "ja_JP",
        "JPY",
        "さくら/sakura 健太/kenta 美咲/misaki ヒロシ/hiroshi 結衣/yui 大輔/daisuke",
        "髙橋/takahashi 渡邉/watanabe 山﨑/yamazaki 小鳥遊/takanashi 斎藤/saito 林/hayashi",
        family_first=True,
    ),
    _region(
        "ko_KR",
        "KRW",
        "지우/jiwoo 민준/minjun 서연/seoyeon 하은/haeun 도윤/doyun 예진/yejin",
        "김/kim 박/park 최/choi 황보/hwangbo 남궁/namgung 윤/yoon",
        family_first=True,
        joint="",
    ),
    _region(
        "zh_CN",
        "CNY",
        "伟/wei 小红/xiaohong 子涵/zihan 建国/jianguo 雨桐/yutong 志强/zhiqiang",
        "王/wang 欧阳/ouyang 李/li 司马/sima 张/zhang 𠮷田/jitian",
        family_first=True,
        joint="",
    ),
)
