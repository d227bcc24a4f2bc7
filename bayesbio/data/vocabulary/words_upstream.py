"""What is measured in a culture: cells, substrates, by-products, products and their kinetics."""

from __future__ import annotations

from typing import Any

from bayesbio.data.vocabulary.lookup import Quantity


def _q(
    name: str, unit: str, symbol: str, description: str, aliases: str = "", **more: Any
) -> Quantity:
    """Write a quantity on one line; aliases are separated by semicolons."""
    names = tuple(alias.strip() for alias in aliases.split(";") if alias.strip())
    return Quantity(name, unit, symbol, description, names, **more)


def _molecule(name: str, symbol: str, mass: float, carbon: int, aliases: str = "") -> Quantity:
    """Write a dissolved molecule: g/L, with its molar mass [g/mol] and carbon atoms."""
    text = f"{name.replace('_', ' ').capitalize()} concentration"
    symbol = rf"c_{{\mathrm{{{symbol}}}}}"
    return _q(name, "g/L", symbol, text, aliases, molar_mass=mass, carbon_atoms=carbon)


CELLS = "1e6 cells/mL"

COUNTS = (
    _q(
        "viable_cell_density",
        CELLS,
        "X_v",
        "Living cells per volume",
        "VCD; Xv; viable cells; viable cell count; viable cell conc; viable cell "
        "concentration; VCC;"
        "viable density; living cell density; viable cells density; VC; viable count; total VCD;"
        "Lebendzellzahl; Lebendzelldichte; viable cell number; live cells; live cell density;"
        "live cell concentration; viable cells per ml; cell density; cell count; cell "
        "concentration;"
        "cell conc; Zellzahl; Zelldichte; viable; viable cell dens; VCD offline",
    ),
    _q(
        "dead_cell_density",
        CELLS,
        "X_d",
        "Dead cells per volume",
        "Xd; dead cells; dead cell count; dead cell concentration; DCD; nonviable cell density;"
        "non-viable cells; dead density; Totzellzahl",
    ),
    _q(
        "total_cell_density",
        CELLS,
        "X_t",
        "Living and dead cells per volume",
        "TCD; Xt; total cells; total cell count; total cell concentration; total density; TCC;"
        "total cell conc; total cells per ml; Gesamtzellzahl",
    ),
    _q(
        "viability",
        "1",
        "V",
        "Living share of all cells",
        "Viab; Via; cell viability; percent viability; percent viable; viab.; vitality; viabilitat;"
        "viability percent",
        upper=1.0,
    ),
    _q(
        "integral_of_viable_cells",
        "1e9 cells h/L",
        r"\int X_v",
        "Time integral of living cells",
        "IVCC; IVCD; IVC; integral viable cell density; integral viable cell concentration;"
        "integral of viable cell density; cumulative IVCD",
    ),
    _q(
        "cell_diameter",
        "um",
        "d_c",
        "Mean diameter of the cells",
        "diameter; cell size; average diameter; avg diameter; mean diameter; avg diam; cell diam;"
        "average cell diameter; mean cell diameter; viable diameter; avg viable diameter",
    ),
    _q(
        "aggregation_rate",
        "1",
        "a",
        "Share of cells in clumps",
        "aggregation; aggregates; aggregate rate",
    ),
    _q("circularity", "1", "c", "Roundness of the cells", "average circularity; avg circularity"),
    _q(
        "biomass",
        "g/L",
        "X",
        "Dry cells per volume",
        "DCW; CDW; X; dry cell weight; cell dry weight; dry weight; DCM; dry cell mass; "
        "cell dry mass;"
        "biomass concentration; biomass conc; BTM; BTS; Biotrockenmasse; Biomasse; dry biomass;"
        "cell mass; biomass dry weight; gDCW",
    ),
    _q("lipid_free_biomass", "g/L", "X_f", "Dry cells without their lipid", "xf"),
    _q(
        "wet_cell_weight",
        "g/L",
        "X_w",
        "Wet cells per volume",
        "WCW; wet weight; cell wet weight; wcm",
    ),
    _q("packed_cell_volume", "1", "PCV", "Volume share of the cell pellet", "PCV", upper=1.0),
    _q(
        "optical_density",
        "1",
        r"\mathrm{OD}",
        "Optical density of the broth",
        "OD; Trubung; OD600; OD 600 nm; OD600nm; OD550; OD650; OD578; absorbance 600; "
        "A600; turbidity;"
        "optical density 600; optical density at 600 nm; Optische Dichte",
        lower=None,
    ),
    _q(
        "capacitance",
        "pF/cm",
        "C",
        "Capacitance of the broth",
        "permittivity; biocapacitance; capa",
        lower=None,
    ),
    _q(
        "lactate_dehydrogenase",
        "U/L",
        r"c_{\mathrm{LDH}}",
        "Lactate dehydrogenase in the medium",
        "LDH",
    ),
    _q(
        "colony_forming_units",
        CELLS,
        "N",
        "Colony-forming units per volume",
        "CFU; viable plate count; plate count",
    ),
)

MOLECULES = (
    _molecule(
        "glucose",
        "Glc",
        180.156,
        6,
        "Glc; Gluc; Gluk; glukose; dextrose; D-glucose; glucose concentration; glu c; S glucose;"
        "residual glucose; glucose conc; BGlc; glucose level",
    ),
    _molecule("glutamine", "Gln", 146.145, 5, "Gln; L-glutamine; glutamin; Q amino acid"),
    _molecule(
        "glutamate", "Glu", 147.129, 5, "Glu; L-glutamate; glutamic acid; glutamat; L-glutamic acid"
    ),
    _molecule(
        "lactate",
        "Lac",
        90.078,
        3,
        "Lac; lactic acid; laktat; L-lactate; lact; lactate conc; milchsaure",
    ),
    _molecule(
        "ammonium",
        "NH_4",
        18.039,
        0,
        "NH4; NH4+; Amm; ammonia; NH3; NH3/NH4; NH4-N; ammonium ion; ammon",
    ),
    _molecule("pyruvate", "Pyr", 88.062, 3, "Pyr; pyruvic acid; pyruvat"),
    _molecule(
        "acetate", "Ace", 60.052, 2, "Ace; Ac; acetic acid; HAc; acetat; OAc; AcOH; Essigsaure"
    ),
    _molecule("citrate", "Cit", 192.123, 6, "Cit; citric acid; CA titer; citrat; Zitronensaure"),
    _molecule("malate", "Mal", 134.087, 4, "malic acid; malat; Mal"),
    _molecule("succinate", "Suc", 118.088, 4, "succinic acid; succ; succinat"),
    _molecule("fumarate", "Fum", 116.072, 4, "fumaric acid; fum"),
    _molecule("formate", "For", 46.025, 1, "formic acid; formiat"),
    _molecule("itaconate", "Ita", 130.099, 5, "itaconic acid"),
    _molecule("propionate", "Prop", 74.079, 3, "propionic acid"),
    _molecule("butyrate", "But", 88.106, 4, "butyric acid"),
    _molecule("gluconate", "Glcn", 196.155, 6, "gluconic acid"),
    _molecule("alpha_ketoglutarate", "aKG", 146.098, 5, "ketoglutarate; 2-oxoglutarate; AKG; aKG"),
    _molecule("oxalate", "Ox", 90.034, 2, "oxalic acid"),
    _molecule("ethanol", "EtOH", 46.068, 2, "EtOH; Eth; ethyl alcohol"),
    _molecule("methanol", "MeOH", 32.042, 1, "MeOH"),
    _molecule("butanol", "BuOH", 74.122, 4, "BuOH; 1-butanol; n-butanol"),
    _molecule("isobutanol", "iBuOH", 74.122, 4, ""),
    _molecule("acetone", "Acetone", 58.079, 3, ""),
    _molecule("butanediol", "BDO", 90.121, 4, "2,3-butanediol; 2,3-BDO; BDO; 1,4-butanediol"),
    _molecule("propanediol", "PDO", 76.094, 3, "1,3-propanediol; PDO"),
    _molecule("acetoin", "Acetoin", 88.106, 4, ""),
    _molecule("glycerol", "Glyc", 92.094, 3, "Glyc; Gly-ol; glycerin; glycerine; Gol"),
    _molecule("fructose", "Fru", 180.156, 6, "Fru; D-fructose"),
    _molecule("galactose", "Gal", 180.156, 6, "Gal; D-galactose"),
    _molecule("mannose", "Man", 180.156, 6, "D-mannose"),
    _molecule("xylose", "Xyl", 150.130, 5, "Xyl; D-xylose"),
    _molecule("arabinose", "Ara", 150.130, 5, "Ara; L-arabinose"),
    _molecule("sucrose", "Suc", 342.296, 12, "saccharose"),
    _molecule("lactose", "Lacs", 342.296, 12, ""),
    _molecule("maltose", "Malt", 342.296, 12, ""),
    _molecule("trehalose", "Tre", 342.296, 12, ""),
    _molecule("sorbitol", "Sor", 182.172, 6, ""),
    _molecule("mannitol", "Mtl", 182.172, 6, ""),
    _molecule("xylitol", "Xol", 152.146, 5, ""),
    _molecule("furfural", "Fur", 96.085, 5, ""),
    _molecule("hydroxymethylfurfural", "HMF", 126.110, 6, "HMF; 5-HMF"),
    _molecule("urea", "Urea", 60.056, 1, ""),
    _molecule("nitrate", "NO_3", 62.005, 0, "NO3; NO3-"),
    _molecule(
        "nitrogen",
        "N",
        14.007,
        0,
        "N source; nitrogen source; total nitrogen; YAN; yeast assimilable nitrogen; "
        "residual nitrogen",
    ),
    _molecule("phosphate", "PO_4", 94.971, 0, "PO4; PO4-P; Pi; inorganic phosphate"),
    _molecule("potassium_dihydrogen_phosphate", "KH_2PO_4", 136.084, 0, "KH2PO4"),
    _molecule("sulfate", "SO_4", 96.06, 0, "SO4; sulphate"),
    _molecule("magnesium", "Mg", 24.305, 0, "Mg2+; Mg++"),
    _molecule("potassium", "K^+", 39.098, 0, "K+"),
    _molecule("sodium", "Na^+", 22.990, 0, "Na+; Na"),
    _molecule("calcium", "Ca^{2+}", 40.078, 0, "Ca2+; Ca++; Ca"),
    _molecule("chloride", "Cl^-", 35.453, 0, "Cl-; Cl"),
    _molecule("bicarbonate", "HCO_3", 61.016, 1, "HCO3; HCO3-"),
    _molecule("iron", "Fe", 55.845, 0, "Fe2+; Fe3+"),
    _molecule(
        "dissolved_oxygen_concentration",
        "O_2",
        31.998,
        0,
        "dissolved O2 concentration; oxygen concentration",
    ),
    _molecule("dissolved_carbon_dioxide", "CO_2", 44.009, 1, "dissolved CO2; dCO2"),
    _molecule("alanine", "Ala", 89.094, 3, "Ala; L-alanine"),
    _molecule("arginine", "Arg", 174.204, 6, "Arg; L-arginine"),
    _molecule("asparagine", "Asn", 132.119, 4, "Asn; L-asparagine"),
    _molecule("aspartate", "Asp", 133.103, 4, "Asp; aspartic acid; L-aspartate"),
    _molecule("cysteine", "Cys", 121.158, 3, "Cys; L-cysteine"),
    _molecule("cystine", "CysCys", 240.299, 6, "L-cystine"),
    _molecule("glycine", "Gly", 75.067, 2, "Gly"),
    _molecule("histidine", "His", 155.157, 6, "His; L-histidine"),
    _molecule("isoleucine", "Ile", 131.175, 6, "Ile; L-isoleucine"),
    _molecule("leucine", "Leu", 131.175, 6, "Leu; L-leucine"),
    _molecule("lysine", "Lys", 146.190, 6, "Lys; L-lysine"),
    _molecule("methionine", "Met", 149.211, 5, "Met; L-methionine"),
    _molecule("phenylalanine", "Phe", 165.192, 9, "Phe; L-phenylalanine"),
    _molecule("proline", "Pro", 115.132, 5, "Pro; L-proline"),
    _molecule("serine", "Ser", 105.093, 3, "Ser; L-serine"),
    _molecule("threonine", "Thr", 119.120, 4, "Thr; L-threonine"),
    _molecule("tryptophan", "Trp", 204.229, 11, "Trp; L-tryptophan; trypt"),
    _molecule("tyrosine", "Tyr", 181.191, 9, "Tyr; L-tyrosine"),
    _molecule("valine", "Val", 117.148, 5, "Val; L-valine"),
    _molecule("ornithine", "Orn", 132.163, 5, "Orn"),
    _molecule("taurine", "Tau", 125.147, 2, ""),
    _molecule("penicillin", "Pen", 334.390, 16, "penicillin G; Pen G; penicillin concentration"),
    _molecule("lycopene", "Lyc", 536.888, 40, ""),
    _molecule("polyhydroxybutyrate", "PHB", 86.090, 4, "PHB"),
)

PRODUCTS = (
    _q(
        "titer",
        "g/L",
        "P",
        "Product concentration in the broth",
        "titre; mAb; IgG; mAb titer; IgG titer; IgG1; antibody; antibody titer; mAb concentration;"
        "product titer; product titre; product concentration; product conc; titer HPLC; "
        "titer (Protein A); titer Octet; Octet titer; titer by Octet; Octet; titer (Octet);"
        "protein A titer; mab conc; IgG conc; antikorper; produkt; Produkttiter; titer "
        "conc; Ab; Ab titer",
    ),
    _q("product", "g/L", "P", "Product concentration", "P"),
    _q(
        "substrate",
        "g/L",
        "S",
        "Limiting substrate concentration",
        "S; substrate concentration; substrat",
    ),
    _q("lipid", "g/L", "L", "Lipid concentration", "lipids; lipid concentration; total lipid"),
    _q(
        "lipid_content",
        "1",
        r"L/X",
        "Lipid share of dry cells",
        "lipid_ratio; lipid fraction; lipid per DCW",
    ),
    _q(
        "residual_oil",
        "g/L",
        "S_o",
        "Oil left in the broth",
        "residual oil concentration; oil concentration",
    ),
    _q(
        "protein",
        "g/L",
        r"c_{\mathrm{prot}}",
        "Protein concentration",
        "total protein; protein concentration",
    ),
    _q(
        "host_cell_protein",
        "g/L",
        r"c_{\mathrm{HCP}}",
        "Host cell protein concentration",
        "HCP; host cell proteins",
    ),
    _q("citrate_yield", "1", r"Y_{CS}", "Citrate per substrate", "citrate_yield_g_g"),
    _q("citrate_carbon_yield", "1", r"Y_{CS,C}", "Carbon in citrate per carbon in substrate", ""),
    _q("citrate_productivity", "g/(L h)", r"r_C", "Citrate per volume and time", ""),
    _q("citrate_per_biomass", "1", r"C/X", "Citrate per dry cells", ""),
    _q("citrate_total", "g", r"m_C", "Citrate made", "total citrate; citrate mass"),
    _q("biomass_total", "g", r"m_X", "Dry cells in the vessel", "total biomass; biomass mass"),
    _q(
        "volumetric_productivity",
        "g/(L h)",
        r"r_P",
        "Product per volume and time",
        "productivity; space time yield; STY",
    ),
    _q(
        "aggregate_content",
        "1",
        "a_{HMW}",
        "Aggregated share of the product",
        "aggregate; HMW; high molecular weight; aggregates content; HMWS",
        upper=1.0,
    ),
    _q(
        "fragment_content",
        "1",
        "a_{LMW}",
        "Fragmented share of the product",
        "LMW; fragments; LMWS",
        upper=1.0,
    ),
    _q(
        "acidic_variants",
        "1",
        "a_{acid}",
        "Acidic share of the product",
        "acidic peak; acidic species",
        upper=1.0,
    ),
    _q(
        "basic_variants",
        "1",
        "a_{base}",
        "Basic share of the product",
        "basic peak; basic species",
        upper=1.0,
    ),
    _q(
        "main_peak",
        "1",
        "a_{main}",
        "Main charge variant share of the product",
        "main species",
        upper=1.0,
    ),
    _q(
        "galactosylation",
        "1",
        "a_{gal}",
        "Galactosylated share of the glycans",
        "galactosylated",
        upper=1.0,
    ),
    _q(
        "purity",
        "1",
        "p",
        "Share of the product in all that is detected",
        "monomer; monomer content",
        upper=1.0,
    ),
)


def _p(name: str, unit: str, symbol: str, description: str) -> Quantity:
    return Quantity(name, unit, symbol, description, role="parameter")


PARAMETERS = (
    _p("specific_growth_rate", "1/h", r"\mu", "Growth per living cell and time").replace(
        aliases=("mu", "µ", "μ", "growth rate", "SGR"), role="measurement", lower=None
    ),
    _p("maximum_growth_rate", "1/h", r"\mu_{\max}", "Growth rate when nothing limits"),
    _p("death_rate", "1/h", "k_d", "Death per living cell and time"),
    _p("maximum_death_rate", "1/h", r"k_{d,\max}", "Death rate at saturating ammonium"),
    _p("minimum_death_rate", "1/h", r"k_{d,\min}", "Death rate without any stress"),
    _p("lysis_rate", "1/h", "k_{lys}", "Dissolution of dead cells"),
    _p(
        "glucose_monod_constant",
        "g/L",
        r"K_{\mathrm{glc}}",
        "Glucose that gives half the growth rate",
    ),
    _p(
        "glutamine_monod_constant",
        "g/L",
        r"K_{\mathrm{gln}}",
        "Glutamine that gives half the growth rate",
    ),
    _p("substrate_monod_constant", "g/L", "K_S", "Substrate that gives half the growth rate"),
    _p("substrate_inhibition_constant", "g/L", "K_I", "Substrate that halves growth by inhibition"),
    _p("contois_constant", "g/g", "K_C", "Contois constant, substrate per biomass"),
    _p("tessier_constant", "g/L", "K_T", "Tessier constant"),
    _p("moser_exponent", "1", "n", "Moser exponent"),
    _p("lactate_inhibition_constant", "g/L", r"K_{I,\mathrm{lac}}", "Lactate that halves growth"),
    _p("ammonium_inhibition_constant", "g/L", r"K_{I,\mathrm{amm}}", "Ammonium that halves growth"),
    _p(
        "ammonium_death_constant",
        "g/L",
        r"K_{D,\mathrm{amm}}",
        "Ammonium that gives half the death rate",
    ),
    _p("product_inhibition_constant", "g/L", "K_P", "Product that halves growth"),
    _p("critical_product", "g/L", r"P_{\max}", "Product at which growth stops"),
    _p("cell_yield", "g/g", "Y_{XS}", "Biomass made per substrate"),
    _p("cell_yield_on_glucose", "1e9 cells/g", "Y_{XS}", "Cells made per glucose"),
    _p("cell_yield_on_glutamine", "1e9 cells/g", "Y_{XQ}", "Cells made per glutamine"),
    _p("lactate_yield_on_glucose", "g/g", "Y_{LS}", "Lactate made per glucose"),
    _p("ammonium_yield_on_glutamine", "g/g", "Y_{AQ}", "Ammonium made per glutamine"),
    _p("product_yield", "g/g", "Y_{PX}", "Product made per biomass, or per substrate"),
    _p("maintenance", "g/(g h)", "m_S", "Substrate used for maintenance per biomass and time"),
    _p(
        "glucose_maintenance",
        "g/(1e9 cells h)",
        r"m_{\mathrm{glc}}",
        "Glucose for maintenance per cell and time",
    ),
    _p(
        "glutamine_degradation_rate",
        "1/h",
        r"k_{\mathrm{deg}}",
        "Chemical decay of glutamine to ammonium",
    ),
    _p(
        "specific_productivity", "g/(1e9 cells h)", "q_P", "Product per living cell and time"
    ).replace(
        aliases=("qP", "Qp", "cell specific productivity", "specific production rate"),
        role="measurement",
    ),
    _p("growth_associated_yield", "g/g", r"\alpha", "Luedeking-Piret: product per new biomass"),
    _p(
        "non_growth_associated_rate",
        "g/(g h)",
        r"\beta",
        "Luedeking-Piret: product per biomass and time",
    ),
    _p("lag_time", "h", r"\lambda", "Time before growth"),
)

OIL = (
    Quantity("feed_oil", "g/L", r"S_F", "Oil in the feed", role="setting"),
    _p("oil_monod_constant", "g/L", "K_S", "Oil that gives half the rates"),
    _p("oil_inhibition_constant", "g/L", "K_{iS}", "Oil that halves the rates by inhibition"),
    _p("nitrogen_monod_constant", "g/L", "K_N", "Nitrogen that gives half the growth rate"),
    _p("oxygen_monod_constant", "1", "K_O", "Dissolved oxygen that gives half the rates"),
    _p("biomass_inhibition_constant", "g/L", "K_{iX}", "Biomass that halves the rates"),
    _p("nitrogen_repression_constant", "g/L", "K_{iN}", "Nitrogen that halves formation"),
    _p("maximum_formation_rate", "g/(g h)", r"\beta_{\max}", "Formation rate when nothing limits"),
    _p("maximum_citrate", "g/L", r"c_{\max}", "Citrate at which its formation stops"),
    _p("lipid_share", "1", "r_L", "Share of the formation that goes to lipid"),
    _p("lipid_per_growth", "g/g", r"\alpha_L", "Lipid made per new biomass"),
    _p("lipid_turnover_rate", "g/(g h)", "K_{SL}", "Lipid used again per biomass and time"),
    _p("cell_yield_on_oil", "g/g", "Y_{XS}", "Biomass made per oil"),
    _p("cell_yield_on_nitrogen", "g/g", "Y_{XN}", "Biomass made per nitrogen"),
    _p("citrate_yield_on_oil", "g/g", "Y_{CS}", "Citrate made per oil"),
    _p("lipid_yield_on_oil", "g/g", "Y_{LS}", "Lipid made per oil"),
    _p("evaporation_rate", "L/h", r"V_{\mathrm{evap}}", "Water lost with the exhaust gas"),
    _p("plateau", "g/L", r"Y_{\max}", "Level at which growth ends"),
    _p("biomass_capacity", "g/L", r"X_{\max}", "Biomass at which growth stops"),
    _p("nutrient_left", "1", "N", "Share of the nutrient that ends growth which is left"),
    _p("storage_capacity", "g/g", "h", "Oil that cells can store, per lean dry mass"),
    _p("storage_oil_constant", "g/L", "K_h", "Oil level at which half of that is stored"),
    _p("oil_uptake_time", "h", r"\tau_S", "Time in which cells take up the oil that is there"),
    _p("rise_time", "h", r"t_r", "Time scale of the rise of a growth curve"),
    _p("time_scale", "h", r"\tau", "Time scale of a growth curve"),
    _p("rise_exponent", "1", "a", "Shape of the rise of a growth curve"),
    _p("settling_exponent", "1", "b", "Shape of the end of a growth curve"),
    _p("shape_exponent", "1", "n", "Shape of a growth curve"),
    _p("product_inhibition_exponent", "1", "n_P", "Steepness of the inhibition by product"),
    _p("ammonium_yield_on_cells", "g/(1e9 cells)", "Y_{AX}", "Ammonium made per new cells"),
)

QUANTITIES = (*COUNTS, *PRODUCTS, *MOLECULES, *PARAMETERS, *OIL)
