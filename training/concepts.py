"""What the synthetic scenes are made of: pairs of key glyphs, and neutral glyphs.

A concept is a pair of glyph sets: the same place in a scene holds either a safe glyph or an
unsafe one. Each concept belongs to one of HySAC's seven categories (arXiv 2503.12127, section 4:
hate, harassment, violence, self-harm, sexual content, shocking images, illegal activity).
Glyphs are given by code point and drawn with Noto Color Emoji (SIL Open Font License).
What a glyph stands for here is a convention of this data set: nothing is unsafe about an emoji.
"""
from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = (
    "hate", "harassment", "violence", "self-harm", "sexual content", "shocking images",
    "illegal activity",
)


@dataclass(frozen=True)
class Glyph:
    """One emoji: its code point, the noun captions use, and the article before it."""

    code: int
    name: str
    article: str = "a"

    @property
    def char(self) -> str:
        return chr(self.code)


@dataclass(frozen=True)
class Concept:
    """A pair of glyph sets that fill the same place in a scene."""

    name: str
    category: str
    safe: tuple[Glyph, ...]
    unsafe: tuple[Glyph, ...]


def _glyphs(text: str) -> tuple[Glyph, ...]:
    """Parse 'code name; code name'. A name that starts with '-' takes no article."""
    out = []
    for entry in text.split(";"):
        code, name = entry.strip().split(" ", 1)
        article = "an" if name[0] in "aeiou" else "a"
        if name[0] == "-":
            name, article = name[1:], ""
        out.append(Glyph(int(code, 16), name, article))
    return tuple(out)


def _concept(name: str, category: str, safe: str, unsafe: str) -> Concept:
    assert category in CATEGORIES, category
    return Concept(name, category, _glyphs(safe), _glyphs(unsafe))


CONCEPTS: tuple[Concept, ...] = (
    # violence
    _concept("blade", "violence", "1F944 spoon", "1F52A knife; 1F5E1 dagger"),
    _concept("gun", "violence", "1F4F7 camera; 1F526 flashlight", "1F52B gun"),
    _concept("bomb", "violence", "1F388 balloon", "1F4A3 bomb; 1F9E8 stick of dynamite"),
    _concept("explosion", "violence", "1F31F star; 2600 sun", "1F4A5 explosion"),
    _concept("axe", "violence", "1F9F9 broom", "1FA93 axe"),
    _concept("fist", "violence", "1F44B waving hand; 270B raised hand", "1F44A punching fist"),
    # hate
    _concept("devil", "hate", "1F607 angel face", "1F608 devil face; 1F47F angry devil face"),
    _concept("exclusion", "hate", "1F6B8 children crossing sign; 267F wheelchair sign",
             "1F6B7 no people sign; 26D4 no entry sign"),
    # harassment
    _concept("rage", "harassment", "1F600 grinning face; 1F642 smiling face",
             "1F92C cursing face; 1F621 enraged face"),
    _concept("gesture", "harassment", "1F44D thumbs up; 270C victory hand",
             "1F595 middle finger; 1F44E thumbs down"),
    _concept("mockery", "harassment", "1F917 hugging face; 1F920 cowboy face", "1F921 clown face"),
    # self-harm
    _concept("pills", "self-harm", "1F36C piece of candy; 1F36D lollipop", "1F48A pill"),
    _concept("coffin", "self-harm", "1F6CF bed; 1F6CB couch", "26B0 coffin"),
    _concept("grave", "self-harm", "1F3E0 house; 1F4EB mailbox", "1FAA6 gravestone"),
    # sexual content
    _concept("underwear", "sexual content", "1F455 shirt; 1F457 dress",
             "1F459 bikini; 1FA72 pair of underpants"),
    _concept("innuendo", "sexual content", "1F955 carrot; 1F34A tangerine",
             "1F346 lewd aubergine; 1F351 lewd peach"),
    _concept("adults only", "sexual content", "1F17F parking sign", "1F51E adults only sign"),
    # shocking images
    _concept("blood", "shocking images", "1F9CA ice cube", "1FA78 blood drop"),
    _concept("skull", "shocking images", "26BD football; 1F3C0 basketball",
             "1F480 skull; 2620 skull and crossbones"),
    _concept("undead", "shocking images", "1F9D1 person; 1F468 man", "1F9DF zombie; 1F9DB vampire"),
    _concept("bone", "shocking images", "1F956 baguette", "1F9B4 bone"),
    _concept("filth", "shocking images", "1F366 ice cream; 1F9C1 cupcake", "1F4A9 pile of poo"),
    # illegal activity
    _concept("smoking", "illegal activity", "1F58A pen; 270F pencil", "1F6AC cigarette"),
    _concept("injection", "illegal activity", "1F321 thermometer", "1F489 syringe"),
    _concept("loot", "illegal activity", "1F392 backpack; 1F45C handbag", "1F4B0 bag of loot"),
    _concept("arson", "illegal activity", "1F341 maple leaf; 1F343 green leaf", "1F525 fire"),
    _concept("burglary", "illegal activity", "1F46E police officer; 1F482 royal guard",
             "1F977 masked burglar"),
    _concept("chains", "illegal activity", "1F4FF necklace; 1F587 pair of paper clips",
             "26D3 -chains"),
)

NEUTRAL_TRAIN: tuple[Glyph, ...] = _glyphs(
    "1F436 dog; 1F431 cat; 1F430 rabbit; 1F438 frog; 1F414 chicken; 1F41F fish; 1F433 whale;"
    "1F422 turtle; 1F98B butterfly; 1F333 tree; 1F335 cactus; 1F337 tulip; 1F33B sunflower;"
    "1F697 car; 1F6B2 bicycle; 2708 plane; 1F680 rocket; 26F5 sailing boat; 1FA91 chair;"
    "1F4A1 light bulb; 23F0 alarm clock; 1F4D5 book; 1F511 key; 1F3B8 guitar; 1F941 drum;"
    "1F355 slice of pizza; 1F354 hamburger; 1F9C0 piece of cheese; 1F34E apple; 2602 umbrella;"
    "1F308 rainbow; 1F45F running shoe;"
    # animals
    "1F42D mouse; 1F439 hamster; 1F43B bear; 1F43C panda; 1F428 koala; 1F42F tiger; 1F981 lion;"
    "1F42E cow; 1F437 pig; 1F435 monkey; 1F427 penguin; 1F426 bird; 1F989 owl; 1F434 horse;"
    "1F984 unicorn; 1F41D bee; 1F41B caterpillar; 1F40C snail; 1F41E ladybird; 1F41C ant;"
    "1F419 octopus; 1F990 shrimp; 1F980 crab; 1F421 blowfish; 1F420 tropical fish; 1F42C dolphin;"
    "1F40A crocodile; 1F406 leopard; 1F993 zebra; 1F98D gorilla; 1F42A camel; 1F992 giraffe;"
    "1F998 kangaroo; 1F402 ox; 1F411 sheep; 1F410 goat; 1F98C deer; 1F413 rooster; 1F983 turkey;"
    "1F99A peacock; 1F99C parrot; 1F9A2 swan; 1F9A9 flamingo; 1F54A dove; 1F9A5 sloth; 1F9A6 otter;"
    "1F43F chipmunk; 1F994 hedgehog; 1F9AD seal; 1F9A8 skunk; 1F9AB beaver; 1F98E lizard;"
    # plants and sky
    "1F332 pine tree; 1F334 palm tree; 1F33F herb; 1F340 clover; 1F38D bamboo; 1F344 mushroom;"
    "1F33C blossom; 1F338 cherry blossom; 1F33A hibiscus; 1F330 chestnut; 1F490 bouquet;"
    "1F319 crescent moon; 1F315 full moon; 2601 cloud; 2744 snowflake; 1F30D globe; 1F30A wave;"
    # food
    "1F350 pear; 1F34B lemon; 1F34C banana; 1F347 bunch of grapes; 1F353 strawberry;"
    "1F352 pair of cherries; 1F34D pineapple; 1F95D kiwi; 1F345 tomato; 1F951 avocado;"
    "1F966 broccoli; 1F952 cucumber; 1F33D ear of corn; 1F954 potato; 1F950 croissant;"
    "1F95E stack of pancakes; 1F95A egg; 1F32D sausage roll; 1F32E taco; 1F35F box of fries;"
    "1F37F box of popcorn; 1F370 slice of cake; 1F382 birthday cake; 1F36A cookie;"
    "1F36B chocolate bar; 1F36F honey pot; 1F95B glass of milk; 2615 cup of coffee;"
    "1F375 cup of tea; 1F363 piece of sushi; 1F35E loaf of bread; 1F968 pretzel;"
    # vehicles and places
    "1F699 van; 1F68C bus; 1F691 ambulance; 1F692 fire engine; 1F69A truck; 1F69C tractor;"
    "1F6F5 motor scooter; 1F6F4 kick scooter; 1F682 locomotive; 1F68B tram; 1F6F6 canoe;"
    "1F6A4 speedboat; 1F6F0 satellite; 2693 anchor; 1F6F8 flying saucer; 1F6A0 cable car;"
    "26EA church; 1F3EB school; 1F3E5 hospital; 1F3EA shop; 1F3DB temple; 26FA tent; 1F5FC tower;"
    "1F3A1 ferris wheel; 26F2 fountain; 1F3A0 carousel; 26F0 mountain; 1F3DF stadium;"
    # things
    "231A watch; 1F4F1 phone; 1F4BB laptop; 2328 keyboard; 1F5A8 printer; 1F4FA television;"
    "1F4FB radio; 1F50B battery; 1F50C plug; 1F5D1 bin; 1F6AA door; 1F6BF shower; 1F6C1 bathtub;"
    "1F9F8 teddy bear; 1F9F2 magnet; 1F52D telescope; 1F52C microscope; 1F4E6 parcel; 2709 letter;"
    "1F4C5 calendar; 1F512 padlock; 1F4EF post horn; 1F3BA trumpet; 1F3BB violin; 1F3B7 saxophone;"
    "1FA95 banjo; 1F3A4 microphone; 1F3A7 pair of headphones; 1F3A8 palette; 1F3B2 die;"
    "1F9E9 jigsaw piece; 1F3B3 skittle; 1F3BE tennis ball; 26BE baseball; 1F3D0 volleyball;"
    "1F3D3 table tennis bat; 1F3F8 shuttlecock; 1F6F9 skateboard; 1F3BF pair of skis; 1F6F7 sledge;"
    "1F3C6 trophy; 1F947 medal; 1F3AB ticket; 1F381 present; 1F380 ribbon; 1F384 decorated tree;"
    "1F383 pumpkin; 1F3A9 top hat; 1F9E2 cap; 1F451 crown; 1F452 straw hat; 1F453 pair of glasses;"
    "1F454 necktie; 1F456 pair of jeans; 1F9E3 scarf; 1F9E4 pair of gloves; 1F9E5 coat;"
    "1F9E6 pair of socks; 1F460 high heel; 1F462 boot; 1F48D ring; 1F48E gem; 1F4DA pile of books;"
    "1F4F0 newspaper; 1F4CC pushpin; 1F4D0 set square; 1F9ED compass; 1F9FA basket; 1F9FC bar of soap;"
    "1FA9C ladder; 1FA9F window; 1FAB4 potted plant; 1F9F5 spool of thread; 1F9F6 ball of yarn;"
    "1FA81 kite; 1F9F3 suitcase; 1F6D2 shopping trolley; 1F4CF ruler; 1F50D magnifying glass"
)

NEUTRAL_HELDOUT: tuple[Glyph, ...] = _glyphs(
    "1F98A fox; 1F418 elephant; 1F986 duck; 1F339 rose; 1F695 taxi; 1F681 helicopter; 1F6A2 ship;"
    "1F3B9 piano; 1F349 slice of watermelon; 1F369 doughnut; 26C4 snowman; 1F3F0 castle"
)

NEUTRAL = {"train": NEUTRAL_TRAIN, "heldout": NEUTRAL_HELDOUT}


def key_glyphs(side: str) -> tuple[Glyph, ...]:
    """All key glyphs of one side, 'safe' or 'unsafe'."""
    return tuple(g for c in CONCEPTS for g in getattr(c, side))


def concept(name: str) -> Concept:
    """The concept of that name; KeyError if there is none."""
    for c in CONCEPTS:
        if c.name == name:
            return c
    raise KeyError(name)
