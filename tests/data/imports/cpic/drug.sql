CREATE TABLE drug
(
  drugId VARCHAR(20) PRIMARY KEY NOT NULL,
  name VARCHAR(200) NOT NULL UNIQUE,
  pharmgkbId VARCHAR(20),
  rxnormId VARCHAR(20),
  drugbankId VARCHAR(20),
  atcId VARCHAR(200)
);

COMMENT ON TABLE drug IS 'A clinically-used drug.';
COMMENT ON COLUMN drug.name IS 'The generic name for this drug, lower-cased, required';

\copy drug(drugId,name,pharmgkbId,rxnormId,drugbankId,atcId) from STDIN;
RxNorm:9900001	examplofen	PA990001	9900001	DB90001	M01AE99
ATC:C09XX	Example Inhibitors, Plain	PA990002			C09XX
RxNorm:9900002	pretendamol	PA990003	9900002	DB90002	N02BE98,N02BE58,N02AJ98
RxNorm:9900003	mödelline	PA990004	9900003	DB90003	R03AC98,R03CC98
RxNorm:9900004	samplodipine	PA990005	9900004		C08CA
RxNorm:9900005	examplofen / pretendamol	PA990006	9900005		M01EX
RxNorm:9900006	trialoxetine	PA990007	9900006	DB90005	N06AX98
MedDRA:99000001	mock therapy	PA990008			
\.
